"""delivery's part in the synchronous chains, with the failure semantics of the anti-pattern.

Starting a delivery asks products for the stock first; when that fails or times out, the caller gets an error and
nothing is undone anywhere. No database connection is held during a call. Writes that wait at the same moment go into
one transaction; nobody is answered before the commit.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from calls.client import Caller, Peer, PeerError
from delivery_svc import documentation as doc
from delivery_svc import refusals, store
from delivery_svc.domain import Delivery, Details, State
from delivery_svc.schemas import Deliver, delivery_json, dumps
from kit.body import parse
from kit.grouping import Grouping

Change = tuple[UUID, store.Change]


class Participant:
    """Both methods may be repeated with the same effect, and raise Problem for what the caller must be told instead."""

    def __init__(self, begin: store.Begin, products: Peer) -> None:
        self._begin = begin
        self._products = products
        self._changes: Grouping[Change, tuple[Delivery, Any]] = Grouping(self._write, name="write the delivery")

    async def deliver(self, order_id: UUID, details: Details, caller: Caller) -> Delivery:
        """The started delivery, with its stock taken. 404 or 409 when products has none for it, 409 for an order that
        was cancelled, 502 to 504 when products did not answer: then nobody knows whether the stock was taken."""
        wanted = {"orderId": order_id, "productId": details.product_id, "quantity": details.quantity}
        await self._ask_products("/participant/reservations", wanted, caller)
        at = datetime.now(UTC)

        def start(delivery: Delivery) -> None:
            delivery.order_placed(details, at=at)
            delivery.stock_reserved(at=at)

        delivery, _ = await self._changes.do((order_id, start))
        if delivery.state is State.CANCELLED:
            raise refusals.cancelled(order_id)
        return delivery

    async def cancel(self, order_id: UUID, caller: Caller) -> Delivery:
        """The cancelled delivery, with the stock put back. 409 when the goods were handed over; 502 to 504 when
        products did not answer: the delivery stays cancelled, and cancelling again asks products again."""
        at = datetime.now(UTC)
        delivery, granted = await self._changes.do((order_id, lambda one: one.request_cancellation(at=at)))
        if not granted:
            raise refusals.delivered(order_id)
        await self._ask_products(f"/participant/reservations/{order_id}/release", None, caller)
        return delivery

    async def _ask_products(self, path: str, body: dict[str, object] | None, caller: Caller) -> None:
        try:
            await self._products.post(path, body, caller=caller, idempotent=True)
        except PeerError as error:
            raise refusals.by_products(error) from error

    async def _write(self, changes: Sequence[Change]) -> list[tuple[Delivery, Any]]:
        async with self._begin() as connection:
            return await store.apply(connection, changes)


def router(participant: Participant) -> APIRouter:
    routes = APIRouter(prefix="/participant", tags=["participant (synchronous wirings)"])

    @routes.post("/deliveries", **doc.DELIVER)
    async def deliver(request: Request) -> Response:
        body = parse(Deliver, await request.body())
        return _answer(await participant.deliver(body.order_id, body.details(), Caller.of(request.headers)))

    @routes.post("/deliveries/{order_id}/cancel", **doc.CANCEL)
    async def cancel(order_id: UUID, request: Request) -> Response:
        return _answer(await participant.cancel(order_id, Caller.of(request.headers)))

    return routes


def _answer(delivery: Delivery) -> Response:
    return Response(dumps(delivery_json(delivery)), media_type="application/json")
