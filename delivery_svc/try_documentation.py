"""What the OpenAPI document says about delivery's routes for Try-Confirm/Cancel."""

from typing import Any

from delivery_svc import documentation
from delivery_svc.documentation import _answer, _problem
from delivery_svc.schemas import EXAMPLE_DELIVERY, EXAMPLE_ORDER_ID, DeliveryAnswer, Try

_ROUTE: dict[str, Any] = {"response_model": None}
_WRITE = {status: documentation.DELIVER["responses"][status] for status in (400, 413, 415, 422)}
_INVALID = {422: documentation.CANCEL["responses"][422]}
_UNAVAILABLE = {503: documentation.GET_DELIVERY["responses"][503]}
_ORDER = {name: EXAMPLE_DELIVERY.get(name, 10) for name in Try.model_json_schema()["properties"]}
_EXPIRED = {
    410: _problem(
        410,
        "Its time was up",
        "try-expired",
        "The try has expired",
        f"the try expired before it was confirmed; order {EXAMPLE_ORDER_ID} is not delivered",
        orderId=EXAMPLE_ORDER_ID,
    )
}
_CANCELLED = {
    409: _problem(
        409,
        "It was cancelled, or another delivery was tried for the order",
        "order-cancelled",
        "The order was cancelled",
        "the order was cancelled, it is not delivered any more",
        orderId=EXAMPLE_ORDER_ID,
    )
}


def _example(state: str) -> dict[str, Any]:
    return EXAMPLE_DELIVERY | {"state": state, "startedAt": None, "version": 1}


TRY: dict[str, Any] = _ROUTE | {
    "summary": "Keep a delivery ready, on trial",
    "description": "Until it is confirmed or cancelled, or the time is up: then it ends by itself. "
    "Once per order: repeating it changes nothing and gives no more time.",
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": Try.model_json_schema(),
                    "examples": {"an order, for ten seconds": {"value": _ORDER}},
                }
            },
        }
    },
    "responses": {
        200: _answer(DeliveryAnswer, "The delivery is tentative", _example("tentative")),
        **_CANCELLED,
        **_EXPIRED,
        **_WRITE,
        **_UNAVAILABLE,
    },
}

CONFIRM: dict[str, Any] = _ROUTE | {
    "summary": "Start what was tried",
    "description": "Repeating it changes nothing.",
    "responses": {
        200: _answer(DeliveryAnswer, "The delivery has started", EXAMPLE_DELIVERY),
        404: _problem(
            404,
            "Nothing was tried for the order",
            "unknown-try",
            "Unknown try",
            f"nothing was tried for order {EXAMPLE_ORDER_ID}",
            orderId=EXAMPLE_ORDER_ID,
        ),
        **_CANCELLED,
        **_EXPIRED,
        **_INVALID,
        **_UNAVAILABLE,
    },
}

CANCEL: dict[str, Any] = _ROUTE | {
    "summary": "End what was tried",
    "description": "Repeating it changes nothing. A cancellation that comes before its try is remembered: the try is "
    "refused then.",
    "responses": {
        200: _answer(DeliveryAnswer, "Nothing will be delivered", _example("cancelled")),
        409: _problem(
            409,
            "It was confirmed",
            "try-confirmed",
            "The try was confirmed",
            f"the delivery of order {EXAMPLE_ORDER_ID} has started; cancelling the order calls it back",
            orderId=EXAMPLE_ORDER_ID,
        ),
        **_INVALID,
        **_UNAVAILABLE,
    },
}

CALL_BACK: dict[str, Any] = _ROUTE | {
    "summary": "Undo an order: cancel its delivery",
    "description": "An order that delivery has not heard of is remembered as cancelled. The stock is not delivery's "
    "business here.",
    "responses": {status: documentation.CANCEL["responses"][status] for status in (200, 409, 422)} | _UNAVAILABLE,
}
