"""What the OpenAPI document says about products' routes: summaries, headers, examples, every problem they answer."""

from typing import Any

from pydantic import BaseModel

from products_svc.domain import HIGHEST_ID, State
from products_svc.schemas import (
    EXAMPLE_ORDER_ID,
    EXAMPLE_PRODUCT,
    NewProduct,
    ProductAnswer,
    ProductChange,
    ProductsAnswer,
    ReservationAnswer,
    Reserve,
    StockChange,
)


def _problem(status: int, description: str, kind: str, title: str, detail: str, **extra: Any) -> dict[str, Any]:
    example = {"type": f"urn:shop:problem:{kind}", "title": title, "status": status, "detail": detail, **extra}
    members = {name: {"type": "string"} for name in ("type", "title", "detail")} | {"status": {"type": "integer"}}
    schema = {"type": "object", "properties": members, "required": list(members)}
    return {"description": description, "content": {"application/problem+json": {"schema": schema, "example": example}}}


def _answer(model: type[BaseModel], description: str, example: Any = None) -> dict[str, Any]:
    answer: dict[str, Any] = {"model": model, "description": description}
    if example is not None:
        answer["content"] = {"application/json": {"example": example}}
    return answer


def _takes(model: type[BaseModel], examples: dict[str, Any], *, key: bool = False) -> dict[str, Any]:
    named = {name: {"value": value} for name, value in examples.items()}
    content = {"application/json": {"schema": model.model_json_schema(), "examples": named}}
    taken: dict[str, Any] = {"requestBody": {"required": True, "content": content}}
    if key:
        taken["parameters"] = [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "repeating the request with the same key within 24 h has no second effect",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[\\x20-\\x7e]+$"},
                "example": "delivery-note-7381",
            }
        ]
    return taken


_READ = {
    422: _problem(
        422,
        "The values do not fit",
        "invalid-request",
        "The request is not valid",
        "quantity: Input should be greater than or equal to 1",
        errors=[{"field": "quantity", "message": "Input should be greater than or equal to 1"}],
    ),
    503: _problem(
        503,
        "Not now; nothing is wrong with the request",
        "unavailable",
        "Service unavailable",
        "the database cannot be reached right now",
    ),
}
_WRITE = _READ | {
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
_UNKNOWN = {
    404: _problem(
        404, "There is no such product", "unknown-product", "Unknown product", "there is no product 99", productId=99
    )
}
_ROUTE: dict[str, Any] = {"response_model": None}

LIST_PRODUCTS: dict[str, Any] = _ROUTE | {
    "summary": "List products, in order of their ids",
    "description": "Pages follow each other by `next`: nothing is skipped or shown twice, whatever is added meanwhile.",
    "responses": {200: _answer(ProductsAnswer, "One page"), **_READ},
}

GET_PRODUCT: dict[str, Any] = _ROUTE | {
    "summary": "Look at a product",
    "responses": {200: _answer(ProductAnswer, "The product as it is now"), **_UNKNOWN, **_READ},
}

CREATE_PRODUCT: dict[str, Any] = _ROUTE | {
    "summary": "Add a product",
    "description": "Without an `id` the product gets the number after the highest.",
    "status_code": 201,
    "openapi_extra": _takes(
        NewProduct,
        {
            "the next free id": {"name": "LAMP", "price": 2990, "stock": 100},
            "all of it": {"id": 17, "name": "LAMP", "price": 2990, "stock": 100, "imageUrl": "/images/lamp.png"},
        },
        key=True,
    ),
    "responses": {
        200: _answer(ProductAnswer, "It had been added before with just this content"),
        201: _answer(ProductAnswer, "Added", EXAMPLE_PRODUCT | {"id": 17, "name": "LAMP", "version": 1}),
        409: _problem(
            409,
            f"There is a product with this id and other content; or, without an id, one with the highest, {HIGHEST_ID}",
            "id-taken",
            "The id is taken",
            "there is a product 17 with other content; change it with PATCH /products/17",
            productId=17,
        ),
        **_WRITE,
    },
}

CHANGE_PRODUCT: dict[str, Any] = _ROUTE | {
    "summary": "Change a product, or withdraw it",
    "description": "What is not mentioned stays. A product is never deleted: `withdrawn` takes it out of sale. "
    "Stock is no field to set: it is increased and decreased.",
    "openapi_extra": _takes(
        ProductChange, {"a new price": {"price": 19900}, "no longer for sale": {"withdrawn": True}}
    ),
    "responses": {200: _answer(ProductAnswer, "The product after the change"), **_UNKNOWN, **_WRITE},
}


def _stock_route(summary: str, description: str, refusal: str) -> dict[str, Any]:
    return _ROUTE | {
        "summary": summary,
        "description": description,
        "openapi_extra": _takes(StockChange, {"five": {"quantity": 5}}, key=True),
        "responses": {
            200: _answer(ProductAnswer, "The product after the change"),
            409: _problem(
                409, "The stock cannot become that", "stock", "Not that much stock", refusal, productId=2, stock=3
            ),
            **_UNKNOWN,
            **_WRITE,
        },
    }


INCREASE_STOCK = _stock_route(
    "Put stock in",
    "By an amount, whatever else happens to the stock at the same time. An entry in the stock ledger.",
    "product 2 would have 1000000000000001 in stock, over 1000000000000000",
)
DECREASE_STOCK = _stock_route(
    "Take stock out",
    "By an amount, and never below zero. An entry in the stock ledger.",
    "there are 3 of product 2, 5 cannot be taken",
)

_LATE = {
    504: _problem(
        504,
        "Wirings `chain-retry`, `chain-breaker`: the caller had stopped waiting (`X-Deadline-Ms`), nothing was done",
        "deadline-passed",
        "The caller's deadline has passed",
        "the time in X-Deadline-Ms had passed before the work could begin, so it was not begun",
    ),
}

RESERVE: dict[str, Any] = _ROUTE | {
    "summary": "Take stock for an order",
    "description": "Once per order: repeating it gives the same answer and takes nothing more.",
    "openapi_extra": _takes(Reserve, {"one piece": {"orderId": EXAMPLE_ORDER_ID, "productId": 2, "quantity": 1}}),
    "responses": {
        200: _answer(ReservationAnswer, "The order has its stock"),
        409: _problem(
            409,
            "It gets none; `detail` is the reason",
            "out-of-stock",
            "No stock for the order",
            "out of stock",
            orderId=EXAMPLE_ORDER_ID,
            productId=2,
        ),
        **_UNKNOWN,
        **_WRITE,
        **_LATE,
    },
}

RELEASE: dict[str, Any] = _ROUTE | {
    "summary": "Put back what an order holds",
    "description": "Repeating it changes nothing. For an order that holds nothing yet it is remembered: a reservation "
    "that arrives later gets nothing.",
    "responses": {
        200: _answer(
            ReservationAnswer, "The order holds nothing", {"orderId": EXAMPLE_ORDER_ID, "state": State.RELEASED}
        ),
        **_READ,
        **_LATE,
    },
}
