"""The JSON that products takes and gives (camelCase), and the examples that its OpenAPI document shows."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

import orjson
from pydantic import ConfigDict, Field, model_validator

from kit.database import Row
from kit.text import MAX_BIGINT, Answer, Body, Cents, Identifier, Quantity, Text
from products_svc.domain import HIGHEST_ID, MOST_STOCK, Product, State

EXAMPLE_PRODUCT: dict[str, Any] = {
    "id": 2,
    "name": "MASK",
    "price": 20000,
    "stock": 1999999,
    "imageUrl": "",
    "withdrawn": False,
    "version": 2,
}
EXAMPLE_ORDER_ID = "019ab0f2-6f7c-7c31-8a55-0d2c1b9f4e11"

Stock = Annotated[int, Field(strict=True, ge=0, le=10**12)]
"""Pieces put in when a product is created."""

Pieces = Annotated[int, Field(strict=True, ge=1, le=10**12)]
"""Pieces put in or taken out at a time."""

NewIdentifier = Annotated[int, Field(strict=True, ge=1, le=HIGHEST_ID)]
"""A number that a product may be given."""

ImageUrl = Annotated[Text, Field(max_length=200)] | Annotated[str, Field(max_length=0)]
"""An address, or an empty text for none."""

_STOCK_IN_PATCH = (
    "stock cannot be set, only changed by an amount: POST /products/{id}/stock/increase or "
    "/products/{id}/stock/decrease with a quantity"
)


class NewProduct(Body):
    """A product to sell. Without an ``id`` it gets the next one that is free."""

    id: NewIdentifier | None = None
    name: Text
    price: Cents
    stock: Stock = 0
    image_url: ImageUrl = ""


class CatalogueEntry(NewProduct):
    """A product in a catalogue file; there the id must be given."""

    id: NewIdentifier


class ProductChange(Body):
    """What is to be different; what is not mentioned stays. Withdrawing is how a product ends: it is never deleted."""

    name: Text = Field(default="")
    price: Cents = Field(default=0)
    image_url: ImageUrl = Field(default="")
    withdrawn: Annotated[bool, Field(strict=True)] = Field(default=False)

    @model_validator(mode="before")
    @classmethod
    def _stock_has_its_own_routes(cls, data: Any) -> Any:
        if isinstance(data, dict) and "stock" in data:
            raise ValueError(_STOCK_IN_PATCH)
        return data

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("say what is to be changed: name, price, imageUrl or withdrawn")
        return self


class StockChange(Body):
    """By how many pieces."""

    quantity: Pieces


class ProductsPage(Body):
    """Which products: a page at a time, in order of their ids."""

    limit: int = Field(default=50, ge=1, le=200, description="most products a page")
    after: int = Field(
        default=0, ge=0, le=MAX_BIGINT, description="only products with a higher id; the last page's end"
    )


class Reserve(Body):
    """Stock to be taken for an order."""

    order_id: UUID
    product_id: Identifier
    quantity: Quantity


class Try(Reserve):
    """Stock to be held for an order for so long, unless that is confirmed or cancelled before."""

    expires_in_seconds: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class ProductAnswer(Answer):
    """A product; ``price`` in cents, ``version`` counts its changes."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_PRODUCT]})

    id: int
    name: str
    price: int
    stock: int = Field(le=MOST_STOCK)
    image_url: str
    withdrawn: bool = Field(description="it is not sold any more")
    version: int


class ProductsAnswer(Answer):
    """A page of products; ``next`` is the path of the following one, null on the last."""

    items: list[ProductAnswer]
    next: str | None


class ReservationAnswer(Answer):
    """What an order has of the stock."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"orderId": EXAMPLE_ORDER_ID, "state": "reserved"}]})

    order_id: UUID
    state: State


class TryAnswer(ReservationAnswer):
    """``expires_at`` is there while the reservation is only tried."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"orderId": EXAMPLE_ORDER_ID, "state": "tried", "expiresAt": "2026-11-23T15:42:12.131201Z"},
            ]
        }
    )

    expires_at: datetime | None = None


class ProblemAnswer(Answer):
    """What went wrong (RFC 9457), as application/problem+json."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str


def product_json(row: Row) -> dict[str, Any]:
    """A ``ProductAnswer`` from a row of the table."""
    return {
        "id": row["id"],
        "name": row["name"],
        "price": row["price"],
        "stock": row["stock"],
        "imageUrl": row["image_url"],
        "withdrawn": row["withdrawn"],
        "version": row["version"],
    }


def dumps(product: Product) -> bytes:
    """A ``ProductAnswer`` as JSON."""
    return orjson.dumps(product_json({name: getattr(product, name) for name in _FIELDS}))


_FIELDS = ("id", "name", "price", "stock", "image_url", "withdrawn", "version")
