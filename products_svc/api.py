"""products over HTTP: parse, call, answer."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BeforeValidator

from kit.body import parse
from kit.database import Database
from kit.text import MAX_BIGINT
from products_svc import documentation as doc
from products_svc import idempotency, refusals, store
from products_svc.catalogue import Catalogue
from products_svc.schemas import NewProduct, ProductChange, ProductsPage, StockChange, product_json


def _digits(value: object) -> object:
    """Digits only: what Python also takes for a number (1_000, +1, 1.0) is no product's path."""
    if isinstance(value, str) and not (value.isascii() and value.isdecimal() and len(value) <= 19):
        raise ValueError(f"a product's id is a number from 1 to {MAX_BIGINT}")
    return value


ProductId = Annotated[int, BeforeValidator(_digits), Path(ge=1, le=MAX_BIGINT, examples=[2])]


def router(database: Database, catalogue: Catalogue) -> APIRouter:
    """The routes. Answers are written as bytes directly: what is in them was validated on its way in."""
    routes = APIRouter(tags=["products"])

    @routes.get("/products", **doc.LIST_PRODUCTS)
    async def list_products(page: Annotated[ProductsPage, Query()]) -> Response:
        async with database.connection() as connection:
            rows = await store.page(connection, after=page.after, limit=page.limit + 1)
        following = None
        if len(rows) > page.limit:
            rows = rows[: page.limit]
            following = f"/products?limit={page.limit}&after={rows[-1]['id']}"
        return _json({"items": [product_json(row) for row in rows], "next": following})

    @routes.get("/products/{product_id}", **doc.GET_PRODUCT)
    async def get_product(product_id: ProductId) -> Response:
        async with database.connection() as connection:
            row = await store.find(connection, product_id)
        if row is None:
            raise refusals.unknown_product(product_id)
        return _json(product_json(row))

    @routes.post("/products", **doc.CREATE_PRODUCT)
    async def create_product(request: Request) -> Response:
        body = parse(NewProduct, await request.body())
        told = await catalogue.create(body, idempotency.key_of(request.headers))
        location = f"/products/{orjson.loads(told.body)['id']}"
        return _told(told, {"Location": location})

    @routes.patch("/products/{product_id}", **doc.CHANGE_PRODUCT)
    async def change_product(product_id: ProductId, request: Request) -> Response:
        body = parse(ProductChange, await request.body())
        return _told(await catalogue.change(product_id, body.model_dump(exclude_unset=True)))

    @routes.post("/products/{product_id}/stock/increase", **doc.INCREASE_STOCK)
    async def increase_stock(product_id: ProductId, request: Request) -> Response:
        body = parse(StockChange, await request.body())
        return _told(await catalogue.move(product_id, body.quantity, idempotency.key_of(request.headers)))

    @routes.post("/products/{product_id}/stock/decrease", **doc.DECREASE_STOCK)
    async def decrease_stock(product_id: ProductId, request: Request) -> Response:
        body = parse(StockChange, await request.body())
        return _told(await catalogue.move(product_id, -body.quantity, idempotency.key_of(request.headers)))

    return routes


def _json(content: Any) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")


def _told(told: idempotency.Told, headers: dict[str, str] | None = None) -> Response:
    return Response(told.body, told.status, headers, media_type="application/json")
