"""What the OpenAPI document says about delivery's routes: summaries, examples, every problem they answer."""

from typing import Any

from pydantic import BaseModel

from delivery_svc.schemas import EXAMPLE_DELIVERY, EXAMPLE_ORDER_ID, Deliver, DeliveriesAnswer, DeliveryAnswer


def _problem(status: int, description: str, kind: str, title: str, detail: str, **extra: Any) -> dict[str, Any]:
    example = {"type": f"urn:shop:problem:{kind}", "title": title, "status": status, "detail": detail, **extra}
    members = {name: {"type": "string"} for name in ("type", "title", "detail")} | {"status": {"type": "integer"}}
    schema = {"type": "object", "properties": members, "required": list(members)}
    return {"description": description, "content": {"application/problem+json": {"schema": schema, "example": example}}}


def _answer(model: type[BaseModel], description: str, example: dict[str, Any] | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = {"model": model, "description": description}
    if example is not None:
        answer["content"] = {"application/json": {"example": example}}
    return answer


_ROUTE: dict[str, Any] = {"response_model": None}
_INVALID = {
    422: _problem(
        422,
        "The values do not fit",
        "invalid-request",
        "The request is not valid",
        "quantity: Input should be greater than or equal to 1",
        errors=[{"field": "quantity", "message": "Input should be greater than or equal to 1"}],
    )
}
_UNAVAILABLE = {
    503: _problem(
        503,
        "Not now; nothing is wrong with the request",
        "unavailable",
        "Service unavailable",
        "the database cannot be reached right now",
    )
}
_WRITE = (
    _INVALID
    | _UNAVAILABLE
    | {
        400: _problem(
            400,
            "The request cannot be read",
            "broken-json",
            "The body is not JSON",
            "Expecting value: line 1 column 15 (char 14)",
        ),
        413: _problem(
            413, "The body is too large", "too-large", "The body is too large", "at most 65536 bytes are accepted"
        ),
        415: _problem(
            415,
            "The body is not sent as JSON",
            "content-type",
            "Unsupported media type",
            "send the body as application/json, not text/plain",
        ),
    }
)
_UNKNOWN = {
    404: _problem(
        404,
        "There is no such delivery",
        "unknown-delivery",
        "Unknown delivery",
        f"there is no delivery {EXAMPLE_DELIVERY['deliveryId']}",
    )
}
_LINK = {
    502: _problem(
        502,
        "products answered with an error",
        "link-failed",
        "products answered with an error",
        "http://127.0.0.1:8085: 500 Internal error",
    ),
    503: _problem(
        503,
        "products, or delivery's database, cannot be reached",
        "link-failed",
        "products cannot be reached",
        "http://127.0.0.1:8085: Cannot connect to host 127.0.0.1:8085",
    ),
    504: _problem(
        504,
        "products did not answer in time, or the caller had stopped waiting (`X-Deadline-Ms`) before it was asked",
        "link-failed",
        "products did not answer in time",
        "http://127.0.0.1:8085: POST /participant/reservations: no answer within 3 s",
    ),
}

LIST_DELIVERIES: dict[str, Any] = _ROUTE | {
    "summary": "List deliveries, oldest first",
    "description": "Also those that wait for the stock or the order, or that will never start: `state` says so. "
    "Pages follow each other by `next`.",
    "responses": {200: _answer(DeliveriesAnswer, "One page"), **_INVALID, **_UNAVAILABLE},
}

GET_DELIVERY: dict[str, Any] = _ROUTE | {
    "summary": "Look at a delivery",
    "responses": {200: _answer(DeliveryAnswer, "The delivery as it is now"), **_UNKNOWN, **_INVALID, **_UNAVAILABLE},
}

COMPLETE_DELIVERY: dict[str, Any] = _ROUTE | {
    "summary": "The goods were handed over",
    "description": "From then on the order cannot be cancelled. Repeating it changes nothing.",
    "responses": {
        200: _answer(
            DeliveryAnswer, "The delivery is completed", EXAMPLE_DELIVERY | {"state": "completed", "version": 3}
        ),
        409: _problem(
            409,
            "It is not under way",
            "not-under-way",
            "The delivery cannot be completed",
            "the delivery is cancelled, only a started one can be completed",
            deliveryId=EXAMPLE_DELIVERY["deliveryId"],
        ),
        **_UNKNOWN,
        **_INVALID,
        **_UNAVAILABLE,
    },
}

_ORDER = {name: EXAMPLE_DELIVERY[name] for name in Deliver.model_json_schema()["properties"]}

DELIVER: dict[str, Any] = _ROUTE | {
    "summary": "Take the stock and start the delivery",
    "description": "Once per order: repeating it gives the same delivery. When products fails, nothing is undone.",
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": Deliver.model_json_schema(),
                    "examples": {"an order": {"value": _ORDER}},
                }
            },
        }
    },
    "responses": {
        200: _answer(DeliveryAnswer, "The delivery has started"),
        404: _problem(
            404, "products does not know the product", "unknown-product", "Unknown product", "there is no product 99"
        ),
        409: _problem(
            409,
            "products has no stock for it, or it was cancelled; `detail` is the reason",
            "out-of-stock",
            "No stock for the order",
            "out of stock",
        ),
        **_WRITE,
        **_LINK,
    },
}

CANCEL: dict[str, Any] = _ROUTE | {
    "summary": "Undo an order: cancel its delivery and put the stock back",
    "description": "An order that delivery has not heard of is remembered as cancelled. "
    "Repeating it asks products again.",
    "responses": {
        200: _answer(
            DeliveryAnswer, "The delivery is cancelled", EXAMPLE_DELIVERY | {"state": "cancelled", "version": 3}
        ),
        409: _problem(
            409,
            "The goods were handed over",
            "delivered",
            "The order was delivered",
            "delivered already",
            orderId=EXAMPLE_ORDER_ID,
        ),
        **_INVALID,
        **_LINK,
    },
}
