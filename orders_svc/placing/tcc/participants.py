"""What the coordinator asks products and delivery, and what their answers mean."""

import asyncio
from collections.abc import Collection, Mapping
from enum import StrEnum
from uuid import UUID

from calls.client import Caller, Peer, PeerError
from kit.crash import crash_point
from orders_svc.domain import Order
from orders_svc.placing.links import Links
from orders_svc.placing.tcc import telemetry
from orders_svc.tracing import trace_of


class Side(StrEnum):
    PRODUCTS = "products"
    DELIVERY = "delivery"


BOTH = tuple(Side)
Answers = Mapping[Side, PeerError | None]
"""What each participant answered: None is a yes, PeerRefused a no; else nobody knows what it did."""


class Participants:
    """Each method asks its participants at the same time and returns when all have answered or failed; a call takes
    the peer's deadline at most. Nothing is repeated, and everything may be."""

    def __init__(self, products: Peer, delivery: Peer, *, try_seconds: float) -> None:
        self._peers = {Side.PRODUCTS: products, Side.DELIVERY: delivery}
        self._try_seconds = try_seconds

    async def attempt(self, order: Order, traceparent: str | None) -> Answers:
        """Both hold what the order needs for ``try_seconds``, each by its own clock from when it was asked."""
        caller = Caller(traceparent=trace_of(order.id, traceparent))
        wanted = {
            "orderId": order.id,
            "productId": order.product_id,
            "quantity": order.quantity,
            "expiresInSeconds": self._try_seconds,
        }
        whereto = {
            "productName": order.product_name,
            "customerId": order.customer_id,
            "customerName": order.customer_name,
            "address": order.address,
        }
        bodies: dict[Side, dict[str, object]] = {Side.PRODUCTS: wanted, Side.DELIVERY: wanted | whereto}

        async def ask(side: Side) -> PeerError | None:
            answer = await self._ask(side, "/participant/tries", bodies[side], caller)
            crash_point(f"tcc.tried-{side}")
            return answer

        with telemetry.PHASE_SECONDS.labels("try").time():
            products, delivery = await asyncio.gather(ask(Side.PRODUCTS), ask(Side.DELIVERY))
        return {Side.PRODUCTS: products, Side.DELIVERY: delivery}

    async def confirm(self, order_id: UUID, traceparent: str | None) -> Answers:
        return await self._tell("confirm", order_id, BOTH, traceparent)

    async def cancel(self, order_id: UUID, sides: Collection[Side], traceparent: str | None) -> Answers:
        return await self._tell("cancel", order_id, sides, traceparent)

    async def _tell(self, verb: str, order_id: UUID, sides: Collection[Side], traceparent: str | None) -> Answers:
        caller = Caller(traceparent=trace_of(order_id, traceparent))

        async def tell(side: Side) -> PeerError | None:
            answer = await self._ask(side, f"/participant/tries/{order_id}/{verb}", None, caller)
            if answer is None:
                crash_point(f"tcc.told-{side}")
            return answer

        with telemetry.PHASE_SECONDS.labels(verb).time():
            answers = await asyncio.gather(*map(tell, sides))
        return dict(zip(sides, answers, strict=True))

    async def _ask(self, side: Side, path: str, body: Mapping[str, object] | None, caller: Caller) -> PeerError | None:
        try:
            await self._peers[side].post(path, body, caller=caller)
        except PeerError as error:
            return error
        return None


class WholeOrder(Links):
    """The questions of the chain, except that undoing an order asks both: here delivery does not ask products."""

    async def cancel(self, order_id: UUID, traceparent: str | None) -> str | None:
        """Calls the delivery back, then has the stock put back; the reason if delivery refuses. Raises PeerError."""
        refusal = await super().cancel(order_id, traceparent)
        if refusal is None:
            caller = Caller(traceparent=trace_of(order_id, traceparent))
            await self._products.post(f"/participant/reservations/{order_id}/release", caller=caller)
        return refusal
