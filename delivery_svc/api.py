"""delivery over HTTP: parse, call, answer."""

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Response

from delivery_svc import documentation as doc
from delivery_svc import refusals, store
from delivery_svc.domain import NotUnderWay
from delivery_svc.schemas import DeliveriesPage, delivery_json, dumps
from kit.database import Database


def router(database: Database, begin: store.Begin) -> APIRouter:
    """The routes. Answers are written as bytes directly: what is in them was validated on its way in."""
    routes = APIRouter(tags=["deliveries"])

    @routes.get("/deliveries", **doc.LIST_DELIVERIES)
    async def list_deliveries(page: Annotated[DeliveriesPage, Query()]) -> Response:
        async with database.connection() as connection:
            found = await store.page(
                connection,
                customer_id=page.customer_id,
                order_id=page.order_id,
                after=page.after,
                limit=page.limit + 1,
            )
        following = None
        if len(found) > page.limit:
            found = found[: page.limit]
            query = {
                "customerId": page.customer_id,
                "orderId": page.order_id,
                "limit": page.limit,
                "after": found[-1].delivery_id,
            }
            following = "/deliveries?" + urlencode({name: value for name, value in query.items() if value is not None})
        return _json({"items": [delivery_json(delivery) for delivery in found], "next": following})

    @routes.get("/deliveries/{delivery_id}", **doc.GET_DELIVERY)
    async def get_delivery(delivery_id: UUID) -> Response:
        async with database.connection() as connection:
            delivery = await store.find(connection, delivery_id)
        if delivery is None:
            raise refusals.unknown_delivery(delivery_id)
        return _json(delivery_json(delivery))

    @routes.post("/deliveries/{delivery_id}/complete", **doc.COMPLETE_DELIVERY)
    async def complete_delivery(delivery_id: UUID) -> Response:
        try:
            async with begin() as connection:
                delivery = await store.change_one(
                    connection, delivery_id, lambda one: one.complete(at=datetime.now(UTC))
                )
        except NotUnderWay as error:
            raise refusals.not_under_way(delivery_id, error) from error
        if delivery is None:
            raise refusals.unknown_delivery(delivery_id)
        return _json(delivery_json(delivery))

    return routes


def _json(content: Any) -> Response:
    return Response(dumps(content), media_type="application/json")
