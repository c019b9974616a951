"""delivery's part in Try-Confirm/Cancel: a tentative delivery, asked for over HTTP, that ends when nobody confirms it.

The stock is products' own try, for which orders asks it: delivery asks nobody. Writes that wait at the same moment go
into one transaction; nobody is answered before the commit. Cancelling a whole order later is delivery's decision, as in
every wiring: what was handed over is not called back.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from fastapi import APIRouter, Request, Response

from delivery_svc import refusals, store, telemetry, tries
from delivery_svc import try_documentation as doc
from delivery_svc.domain import Delivery, Details, State
from delivery_svc.schemas import Try, delivery_json, dumps
from kit.body import parse
from kit.crash import crash_point
from kit.database import Database
from kit.grouping import Grouping
from kit.periodic import every
from kit.problems import Problem

POINTS = ("tcc.delivery-tried", "tcc.delivery-confirmed", "tcc.delivery-cancelled", "tcc.delivery-expired")
"""Where the process can be told to die (``SHOP_CRASH_AT``): what the name says is committed, nobody was answered."""

_TRIED, _CONFIRMED, _CANCELLED, _EXPIRED = POINTS
_EXPIRED_AT_A_TIME = 500

Step = Callable[[Delivery], object]
Result = tuple[Delivery, Problem | None]


class TryParticipant:
    """All methods may be repeated with the same effect, and raise Problem for what the caller must be told instead."""

    def __init__(self, database: Database, *, sweep_seconds: float) -> None:
        self._database = database
        self._sweep_seconds = sweep_seconds
        self._steps: Grouping[tuple[UUID, Step], Result] = Grouping(self._write, name="write the try's next step")

    async def attempt(self, order_id: UUID, details: Details, seconds: float) -> Delivery:
        """The delivery, tentative for so many seconds. 409 for other details than before and for a cancelled order,
        410 when an earlier try has expired."""
        at = datetime.now(UTC)
        until = at + timedelta(seconds=seconds)
        return await self._take(order_id, lambda one: tries.attempt(one, details, at=at, until=until), _TRIED)

    async def confirm(self, order_id: UUID) -> Delivery:
        """The started delivery. 404 when nothing was tried, 409 for a cancelled order, 410 when the try has expired."""
        at = datetime.now(UTC)
        return await self._take(order_id, lambda one: tries.confirm(one, at=at), _CONFIRMED)

    async def cancel(self, order_id: UUID) -> Delivery:
        """The delivery that will not be. 409 when it was confirmed."""
        at = datetime.now(UTC)
        return await self._take(order_id, lambda one: tries.cancel(one, at=at), _CANCELLED)

    async def call_back(self, order_id: UUID) -> Delivery:
        """The cancelled delivery of an order that is undone as a whole. 409 when the goods were handed over."""
        at = datetime.now(UTC)
        delivery, _ = await self._steps.do((order_id, lambda one: one.request_cancellation(at=at)))
        if delivery.state is not State.CANCELLED:
            raise refusals.delivered(order_id)
        return delivery

    async def run(self) -> None:
        """Ends tries whose time is up, for ever; any number of replicas may do that."""
        await every(self._sweep_seconds, self.sweep)

    async def sweep(self) -> None:
        """Ends every try whose time is up now."""
        found = _EXPIRED_AT_A_TIME
        while found == _EXPIRED_AT_A_TIME:
            at = datetime.now(UTC)
            async with self._database.connection() as connection:
                late = await store.expired_tries(connection, before=at, limit=_EXPIRED_AT_A_TIME)
            found = len(late)
            end = partial(tries.expire, at=at)
            await asyncio.gather(*(self._take(order_id, end, _EXPIRED) for order_id in late))

    async def _take(self, order_id: UUID, step: Step, point: str) -> Delivery:
        delivery, refusal = await self._steps.do((order_id, step))
        if refusal is not None:
            raise refusal
        crash_point(point)
        return delivery

    async def _write(self, steps: Sequence[tuple[UUID, Step]]) -> list[Result]:
        async with self._database.transaction() as connection:
            done = await store.apply(connection, [(order_id, _answered(step)) for order_id, step in steps])
        expired = {delivery.order_id for delivery, _ in done if delivery.changed and delivery.state is State.EXPIRED}
        telemetry.TRIES_EXPIRED.inc(len(expired))
        return done


def router(participant: TryParticipant) -> APIRouter:
    routes = APIRouter(prefix="/participant", tags=["participant (try, confirm, cancel)"])

    @routes.post("/tries", **doc.TRY)
    async def attempt(request: Request) -> Response:
        body = parse(Try, await request.body())
        return _answer(await participant.attempt(body.order_id, body.details(), body.expires_in_seconds))

    @routes.post("/tries/{order_id}/confirm", **doc.CONFIRM)
    async def confirm(order_id: UUID) -> Response:
        return _answer(await participant.confirm(order_id))

    @routes.post("/tries/{order_id}/cancel", **doc.CANCEL)
    async def cancel(order_id: UUID) -> Response:
        return _answer(await participant.cancel(order_id))

    @routes.post("/deliveries/{order_id}/cancel", **doc.CALL_BACK)
    async def call_back(order_id: UUID) -> Response:
        return _answer(await participant.call_back(order_id))

    return routes


def _answered(step: Step) -> Callable[[Delivery], Problem | None]:
    """The step, with a refusal as its result: one that is refused must not undo what others of its group do."""

    def take(delivery: Delivery) -> Problem | None:
        try:
            step(delivery)
        except tries.TryRefused as refused:
            return refusals.not_tried(refused)
        return None

    return take


def _answer(delivery: Delivery) -> Response:
    return Response(dumps(delivery_json(delivery)), media_type="application/json")
