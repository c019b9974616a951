"""Wiring ``chain-breaker``: where a link gives no answer, the customer gets the next best thing, at once.

- products gives none: the price that was last seen, and the order says so (``price_seen_at``). Never seen: an error,
  better than a page that loads for five seconds.
- delivery gives none: nobody knows whether the delivery has started, so the order is neither confirmed nor rejected. It
  stays pending, the customer is told that it is accepted (``promised_at``, 202), and delivery is asked again later
  (``orders_svc.placing.promises``); by the order's id it starts one delivery however often it is asked.

A circuit that is open, a full bulkhead, a time-out and an error are all the same here: no answer. A refusal (out of
stock) is an answer, as in the chain; cancelling goes as in the chain, too.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from prometheus_client import Counter

from calls.client import PeerError
from kit.database import Database
from kit.grouping import Grouping
from kit.problems import Problem
from orders_svc import store
from orders_svc.domain import Order, ShownProduct
from orders_svc.last_prices import LastPrices
from orders_svc.placing import refusals
from orders_svc.placing.chain import ChainPlacing
from orders_svc.placing.links import Links
from orders_svc.placing.protocol import OrderRequest

FALLBACKS = Counter("orders_fallbacks_total", "Orders for which a link gave no answer, and what stood in", ["fallback"])


class FallbackPlacing(ChainPlacing):
    """See ``ChainPlacing``; ``patience`` as there."""

    def __init__(
        self, database: Database, links: Links, *, changed: Callable[[Iterable[Order]], None], patience: float
    ) -> None:
        super().__init__(database, links, changed=changed, patience=patience)
        self._prices = LastPrices(database)
        self._promises = Grouping(self._promise, name="promise the order")

    async def finish(self, order: Order) -> PeerError | None:
        """Asks delivery about an order that waits for it, with nobody's deadline but the link's own, and ends the order
        by the answer. What went wrong when there was none: then it goes on waiting."""
        try:
            await self._links.deliver(order, None)
        except PeerError as error:
            if not refusals.is_refusal(error):
                return error
            await self._end_one(order, error)
        else:
            await self._end_one(order, None)
        return None

    async def _shown(self, request: OrderRequest) -> ShownProduct:
        try:
            product = await self._links.product(request)
        except PeerError as failure:
            last = await self._prices.last(request.product_id)
            if last is None:
                raise refusals.link_failure(failure) from failure
            FALLBACKS.labels("last price").inc()
            return last
        except Problem:
            await self._prices.forget(request.product_id)
            raise
        await self._prices.remember(product)
        return product

    async def _answered(self, order: Order, failure: PeerError | None) -> Order:
        if failure is None or refusals.is_refusal(failure):
            return await super()._answered(order, failure)
        FALLBACKS.labels("promise").inc()
        return await self._promises.do(order)

    async def _promise(self, orders: Sequence[Order]) -> list[Order]:
        """Somebody may have changed an order meanwhile (cancelled it): then it is answered as it is."""
        at = datetime.now(UTC)
        for order in orders:
            order.promise(at=at)
        async with self._database.connection() as connection:
            promised = await store.promise(connection, [order.id for order in orders], at=at)
            others = await store.load(connection, [order.id for order in orders if order.id not in promised])
        return [order if order.id in promised else others[order.id] for order in orders]
