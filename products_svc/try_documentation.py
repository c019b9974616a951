"""What the OpenAPI document says about products' routes for Try-Confirm/Cancel."""

from typing import Any

from products_svc.documentation import RELEASE, RESERVE, _answer, _problem, _takes
from products_svc.schemas import EXAMPLE_ORDER_ID, ReservationAnswer, Try, TryAnswer

_ROUTE: dict[str, Any] = {"response_model": None}
_READ = {status: RESERVE["responses"][status] for status in (422, 503)}
_EXPIRED = {
    410: _problem(
        410,
        "Its time was up",
        "try-expired",
        "The try has expired",
        f"the try expired before it was confirmed; nothing is held for order {EXAMPLE_ORDER_ID} any more",
        orderId=EXAMPLE_ORDER_ID,
    )
}

TRY: dict[str, Any] = _ROUTE | {
    "summary": "Take stock for an order, on trial",
    "description": "It is held until it is confirmed or cancelled, or the time is up: then it goes back by itself. "
    "Once per order: repeating it changes nothing and gives no more time.",
    "openapi_extra": _takes(
        Try, {"one piece": {"orderId": EXAMPLE_ORDER_ID, "productId": 2, "quantity": 1, "expiresInSeconds": 10}}
    ),
    "responses": RESERVE["responses"] | {200: _answer(TryAnswer, "The stock is held")} | _EXPIRED,
}

CONFIRM: dict[str, Any] = _ROUTE | {
    "summary": "Keep what was tried",
    "description": "Repeating it changes nothing.",
    "responses": {
        200: _answer(ReservationAnswer, "The order has its stock"),
        404: _problem(
            404,
            "Nothing was tried for the order",
            "unknown-try",
            "Unknown try",
            f"nothing was tried for order {EXAMPLE_ORDER_ID}",
            orderId=EXAMPLE_ORDER_ID,
        ),
        409: _problem(
            409,
            "It was cancelled, or got no stock in the first place",
            "order-cancelled",
            "The order was cancelled",
            "the order was cancelled, nothing is reserved for it any more",
            orderId=EXAMPLE_ORDER_ID,
        ),
        **_EXPIRED,
        **_READ,
    },
}

CANCEL: dict[str, Any] = _ROUTE | {
    "summary": "Put back what was tried",
    "description": "Repeating it changes nothing. A cancellation that comes before its try is remembered: the try "
    "gets nothing then.",
    "responses": RELEASE["responses"]
    | {
        409: _problem(
            409,
            "It was confirmed",
            "try-confirmed",
            "The try was confirmed",
            f"order {EXAMPLE_ORDER_ID} has its stock for good; cancelling the order releases it",
            orderId=EXAMPLE_ORDER_ID,
        )
    },
}
