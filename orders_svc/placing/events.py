"""Wiring ``events``: an order is accepted with nothing but orders' own database; the rest happens by events."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import any_, select

from events.outbox import Outbox, Transaction
from kit.database import Connection, Database, Query, Row, array
from kit.grouping import Grouping
from kit.problems import Problem, unavailable
from orders_svc import store
from orders_svc.domain import TIMED_OUT, CannotCancel, Order, ShownProduct, Status
from orders_svc.placing import refusals
from orders_svc.placing.admission import Admitted, Candidate, admit, need_transaction
from orders_svc.placing.protocol import OrderRequest
from orders_svc.read_models import readiness
from orders_svc.read_models.product_copy import MODEL as PRODUCT_COPY
from orders_svc.read_models.product_copy import product_copy
from orders_svc.tracing import trace_of

_PRODUCTS = Query(
    select(
        product_copy.c.product_id,
        product_copy.c.name,
        product_copy.c.price,
        product_copy.c.version,
        product_copy.c.withdrawn,
    ).where(product_copy.c.product_id == any_(array("ids", product_copy.c.product_id)))
)
_NOT_READY = "the product copy has not reached its topic's end yet"


class EventsPlacing:
    """Orders that wait at the same moment are written in one transaction, with their OrderPlaced in the outbox."""

    answers_settled = False

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox
        self._group = Grouping(self._accept, name="save the order")
        self._copy_is_ready = False

    async def place(self, request: OrderRequest) -> Order:
        result = await self._group.do(request)
        if isinstance(result, Problem):
            raise result
        return result.order

    async def cancel(self, order_id: UUID, reason: str, *, traceparent: str | None = None) -> Order:
        async with self._outbox.transaction() as transaction:
            order = (await store.load(transaction, [order_id], lock=True)).get(order_id)
            if order is None:
                raise refusals.unknown_order(order_id)
            try:
                order.request_cancellation(reason, at=datetime.now(UTC))
            except CannotCancel as error:
                raise refusals.cannot_cancel(order_id, str(error), orderStatus=order.status) from error
            if order.events:
                await store.save(transaction, [order])
                transaction.traces[str(order_id)] = trace_of(order_id, traceparent)
                transaction.record(order.events)
        return order

    async def time_out(self, before: datetime, *, limit: int) -> int:
        async with self._outbox.transaction() as transaction:
            overdue = await store.stuck(transaction, [Status.PENDING], before=before, limit=limit)
            if overdue:
                for order in overdue:
                    order.request_cancellation(TIMED_OUT, at=datetime.now(UTC))
                    transaction.traces[str(order.id)] = trace_of(order.id, None)
                    transaction.record(order.events)
                await store.save(transaction, overdue)
        return len(overdue)

    async def ready(self) -> str | None:
        async with self._database.connection() as connection:
            return None if await self._is_ready(connection) else _NOT_READY

    async def _accept(self, requests: Sequence[OrderRequest]) -> list[Admitted | Problem]:
        outbox = self._outbox
        async with outbox.transaction() if need_transaction(requests) else outbox.single_statement() as transaction:
            if not await self._is_ready(transaction):
                return [unavailable(_NOT_READY) for _ in requests]
            products = await self._shown(transaction, {request.product_id for request in requests})
            candidates = [Candidate(request, _product(products, request.product_id)) for request in requests]
            return await admit(transaction, candidates, _insert)

    async def _is_ready(self, connection: Connection) -> bool:
        """Once complete, always complete: the copy only lags from then on."""
        if not self._copy_is_ready:
            self._copy_is_ready = await readiness.is_ready(connection, PRODUCT_COPY.name)
        return self._copy_is_ready

    async def _shown(self, connection: Connection, ids: set[int]) -> dict[int, Row]:
        rows = await connection.fetch(_PRODUCTS, ids=list(ids))
        return {row["product_id"]: row for row in rows}


async def _insert(transaction: Transaction, new: Sequence[tuple[OrderRequest, Order]]) -> None:
    for request, order in new:
        transaction.traces[str(order.id)] = trace_of(order.id, request.traceparent)
    await store.insert_announcing(transaction, [order for _, order in new])


def _product(products: dict[int, Row], product_id: int) -> ShownProduct | Problem:
    row = products.get(product_id)
    if row is None:
        return refusals.unknown_product(product_id)
    if row["withdrawn"]:
        return refusals.withdrawn_product(product_id, row["name"])
    return ShownProduct(product_id, row["name"], row["price"], row["version"])
