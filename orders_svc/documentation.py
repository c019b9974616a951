"""What the OpenAPI document says about orders' routes: summaries, headers, examples, and every problem they answer."""

from typing import Any

from orders_svc.schemas import EXAMPLE_ORDER, CancelOrder, OrderAnswer, OrdersAnswer, PlaceOrder

_PENDING = EXAMPLE_ORDER | {"status": "pending", "settledAt": None, "version": 1}
_CANCELLING = EXAMPLE_ORDER | {"status": "cancelling", "reason": "changed my mind", "settledAt": None, "version": 3}
_CANCELLED = EXAMPLE_ORDER | {"status": "cancelled", "reason": "changed my mind", "version": 4}
_REJECTED = EXAMPLE_ORDER | {"status": "rejected", "reason": "out of stock: 0 of MASK left, 1 wanted"}

_HEADERS = {
    "Location": {"description": "the path of the order", "schema": {"type": "string"}, "required": True},
}


def _order(description: str, example: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": OrderAnswer,
        "description": description,
        "headers": _HEADERS,
        "content": {"application/json": {"example": example}},
    }


def _problem(status: int, description: str, kind: str, title: str, detail: str, **extra: Any) -> dict[str, Any]:
    body = {"type": f"urn:shop:problem:{kind}", "title": title, "status": status, "detail": detail, **extra}
    schema = {"$ref": "#/components/schemas/ProblemAnswer"}
    return {"description": description, "content": {"application/problem+json": {"schema": schema, "example": body}}}


def _header(name: str, description: str, schema: dict[str, Any], example: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": schema, "example": example}


_BROKEN = _problem(
    400, "The request cannot be read", "broken-json", "The body is not JSON", "Expecting value: line 1 column 15"
)
_TOO_LARGE = _problem(
    413, "The body is too large", "too-large", "The body is too large", "at most 65536 bytes are accepted"
)
_NOT_JSON = _problem(
    415,
    "The body is not sent as JSON",
    "content-type",
    "Unsupported media type",
    "send the body as application/json, not text/plain",
)
_INVALID = _problem(
    422,
    "The values do not fit",
    "invalid-request",
    "The request is not valid",
    "quantity: Input should be greater than or equal to 1",
    errors=[{"field": "quantity", "message": "Input should be greater than or equal to 1"}],
)
_UNKNOWN = _problem(
    404, "There is no such order", "unknown-order", "Unknown order", "there is no order 019ab0f2-6f7c-7c31-8a55-0d2c1b"
)
_UNAVAILABLE = _problem(
    503,
    "Not now; nothing is wrong with the request",
    "unavailable",
    "Service unavailable",
    "the database cannot be reached right now",
)
_LINK_FAILED = (
    "wirings `chain`, `chain-retry`, `chain-mesh`: a service of the chain failed; the order, if any, is rejected"
)
_UNPROCESSABLE = _problem(
    422,
    "The values do not fit, the product is not sold, or the key was used for another order",
    "unknown-product",
    "Unknown product",
    "there is no product 99",
    productId=99,
)


def _body(model: type[PlaceOrder] | type[CancelOrder], examples: dict[str, Any], *, required: bool) -> dict[str, Any]:
    content = {"application/json": {"schema": model.model_json_schema(), "examples": examples}}
    return {"required": required, "content": content}


PLACE_ORDER: dict[str, Any] = {
    "summary": "Place an order",
    "description": (
        "Answers 202 as soon as the order is accepted; with `Prefer: wait=N` it waits up to N seconds (30 at most) "
        "until the order is settled. In `chain`, `chain-retry` and `chain-mesh` it always waits for the chain; in "
        "`chain-breaker`, too, but where delivery gives no answer it is a 202, and the order is finished later. "
        "Repeating a request with the same `Idempotency-Key` within 24 h answers with the same order in its current "
        "status. In `chain-retry` and `chain-breaker` an order whose customer waits no longer than `X-Deadline-Ms` "
        "milliseconds is not begun after that (504)."
    ),
    "status_code": 202,
    "response_model": None,
    "openapi_extra": {
        "parameters": [
            _header(
                "Prefer", "`wait=N`: wait up to N seconds for the outcome (RFC 7240)", {"type": "string"}, "wait=3"
            ),
            _header(
                "Idempotency-Key",
                "the same key is the same order, for 24 h",
                {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[\\x21-\\x7e]+$"},
                "cart-7381",
            ),
            _header(
                "traceparent",
                "the trace that the order belongs to (W3C)",
                {"type": "string"},
                f"00-{'a1' * 16}-{'b2' * 8}-01",
            ),
        ],
        "requestBody": _body(
            PlaceOrder,
            {
                "as the original lab": {"value": {"productId": 2, "quantity": 1}},
                "with a customer": {
                    "value": {
                        "productId": 1,
                        "quantity": 2,
                        "customerId": "c-42",
                        "customerName": "Kim",
                        "address": "1 Sejong-daero, Seoul",
                    }
                },
            },
            required=True,
        ),
    },
    "responses": {
        201: _order("Confirmed", EXAMPLE_ORDER),
        202: _order("Accepted, and not settled yet (or nobody asked)", _PENDING),
        400: _BROKEN,
        409: _problem(
            409,
            "Rejected or cancelled; `order` is the order, `detail` the reason",
            "order-rejected",
            "The order was rejected",
            "out of stock: 0 of MASK left, 1 wanted",
            order=_REJECTED,
        ),
        413: _TOO_LARGE,
        415: _NOT_JSON,
        422: _UNPROCESSABLE,
        502: _problem(502, _LINK_FAILED, "link-failed", "A service answered with an error", "500 Internal error"),
        503: _UNAVAILABLE,
        504: _problem(504, _LINK_FAILED, "link-failed", "A service did not answer in time", "no answer within 3 s"),
    },
}

GET_ORDER: dict[str, Any] = {
    "summary": "Look at an order",
    "response_model": None,
    "responses": {
        200: {"model": OrderAnswer, "description": "The order as it is now"},
        404: _UNKNOWN,
        422: _INVALID,
        503: _UNAVAILABLE,
    },
}

LIST_ORDERS: dict[str, Any] = {
    "summary": "List orders, oldest first",
    "description": "Pages follow each other by `next`; no order is shown twice, whatever is placed meanwhile.",
    "response_model": None,
    "responses": {
        200: {"model": OrdersAnswer, "description": "One page"},
        422: _INVALID,
        503: _UNAVAILABLE,
    },
}

CANCEL_ORDER: dict[str, Any] = {
    "summary": "Cancel an order",
    "description": (
        "Delivery decides, because only it knows whether the goods are gone. 202: it is being asked; asking again "
        "changes nothing. In the wiring `chain` the answer waits for it: 200 when the order is cancelled; 503 when "
        "delivery has not answered, which leaves the order cancelling and is asked again."
    ),
    "status_code": 202,
    "response_model": None,
    "openapi_extra": {
        "requestBody": _body(CancelOrder, {"with a reason": {"value": {"reason": "changed my mind"}}}, required=False)
    },
    "responses": {
        200: _order("Cancelled (wiring `chain`)", _CANCELLED),
        202: _order("Being cancelled", _CANCELLING),
        400: _BROKEN,
        404: _UNKNOWN,
        409: _problem(
            409,
            "It is rejected or cancelled already, or was delivered",
            "cannot-cancel",
            "The order cannot be cancelled",
            "order 019ab0f2-6f7c-7c31-8a55-0d2c1b9f4e11 cannot be cancelled: the order is rejected already",
            orderId=EXAMPLE_ORDER["id"],
            orderStatus="rejected",
        ),
        413: _TOO_LARGE,
        415: _NOT_JSON,
        422: _INVALID,
        503: _problem(
            503,
            "Not now, repeat the request. Wiring `chain`: delivery has not answered, the order stays cancelling",
            "cancellation-unanswered",
            "Delivery has not answered",
            "the order stays cancelling and delivery is asked again; you may repeat the request (no answer within 3 s)",
            orderId=EXAMPLE_ORDER["id"],
            orderStatus="cancelling",
        ),
    },
}
