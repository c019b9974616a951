"""products' part in Try-Confirm/Cancel: stock taken on trial, when asked over HTTP, and put back when nobody confirms.

What is asked for at the same moment is decided in one transaction, in the order in which it came; nobody is answered
before the commit. Cancelling a whole order later, after it was confirmed, is the chain's release.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response

from kit.body import parse
from kit.crash import crash_point
from kit.database import Database, Overtaken
from kit.grouping import Grouping
from kit.periodic import every
from kit.problems import Problem
from products_svc import documentation, refusals, store, telemetry, tries
from products_svc import try_documentation as doc
from products_svc.domain import Reservation, State, Warehouse
from products_svc.schemas import Try

POINTS = ("tcc.products-tried", "tcc.products-confirmed", "tcc.products-cancelled", "tcc.products-expired")
"""Where the process can be told to die (``SHOP_CRASH_AT``): what the name says is committed, nobody was answered."""

_ATTEMPTS = 5
_EXPIRED_AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class Attempt:
    order_id: UUID
    product_id: int
    quantity: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Confirm:
    order_id: UUID


@dataclass(frozen=True, slots=True)
class Cancel:
    order_id: UUID


@dataclass(frozen=True, slots=True)
class Expire:
    order_id: UUID


@dataclass(frozen=True, slots=True)
class Release:
    order_id: UUID


Step = Attempt | Confirm | Cancel | Expire | Release
Result = dict[str, object] | Problem
_POINTS = dict(zip((Attempt, Confirm, Cancel, Expire), POINTS, strict=True))


class TryParticipant:
    """Decides steps in groups. ``do`` returns what to answer, a Problem if the answer is no."""

    def __init__(self, database: Database, *, sweep_seconds: float) -> None:
        self._database = database
        self._sweep_seconds = sweep_seconds
        self._steps: Grouping[Step, Result] = Grouping(self._decide, name="write the try's next step")

    async def do(self, step: Step) -> Result:
        return await self._steps.do(step)

    async def run(self) -> None:
        """Puts back what tries hold whose time is up, for ever; any number of replicas may do that."""
        await every(self._sweep_seconds, self.sweep)

    async def sweep(self) -> None:
        """Ends every try whose time is up now."""
        found = _EXPIRED_AT_A_TIME
        while found == _EXPIRED_AT_A_TIME:
            async with self._database.connection() as connection:
                late = await store.expired_tries(connection, before=datetime.now(UTC), limit=_EXPIRED_AT_A_TIME)
            found = len(late)
            await asyncio.gather(*(self.do(Expire(order_id)) for order_id in late))

    async def _decide(self, steps: Sequence[Step]) -> list[Result]:
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._decide_once(steps)
            except Overtaken:
                continue
        return await self._decide_once(steps)

    async def _decide_once(self, steps: Sequence[Step]) -> list[Result]:
        at = datetime.now(UTC)
        async with self._database.transaction() as connection:
            named = (step.product_id for step in steps if isinstance(step, Attempt))
            warehouse = await store.load(connection, named, (step.order_id for step in steps))
            results = [_decided(warehouse, step, at) for step in steps]
            warehouse.close(at=at)
            await store.save(connection, warehouse)
        telemetry.TRIES_EXPIRED.inc(sum(map(_has_expired, warehouse.reservations.values())))
        for step, result in zip(steps, results, strict=True):
            if type(step) in _POINTS and not isinstance(result, Problem):
                crash_point(_POINTS[type(step)])
        return results


def router(participant: TryParticipant) -> APIRouter:
    routes = APIRouter(prefix="/participant", tags=["participant (try, confirm, cancel)"])

    @routes.post("/tries", **doc.TRY)
    async def attempt(request: Request) -> Response:
        body = parse(Try, await request.body())
        step = Attempt(body.order_id, body.product_id, body.quantity, body.expires_in_seconds)
        return _answer(await participant.do(step))

    @routes.post("/tries/{order_id}/confirm", **doc.CONFIRM)
    async def confirm(order_id: UUID) -> Response:
        return _answer(await participant.do(Confirm(order_id)))

    @routes.post("/tries/{order_id}/cancel", **doc.CANCEL)
    async def cancel(order_id: UUID) -> Response:
        return _answer(await participant.do(Cancel(order_id)))

    @routes.post("/reservations/{order_id}/release", **documentation.RELEASE)
    async def release(order_id: UUID) -> Response:
        return _answer(await participant.do(Release(order_id)))

    return routes


def _decided(warehouse: Warehouse, step: Step, at: datetime) -> Result:
    try:
        return _told(_carried_out(warehouse, step, at))
    except tries.TryRefused as refused:
        return refusals.not_tried(refused)


def _carried_out(warehouse: Warehouse, step: Step, at: datetime) -> Reservation:
    match step:
        case Attempt(order_id, product_id, quantity, seconds):
            until = at + timedelta(seconds=seconds)
            return tries.attempt(warehouse, order_id, product_id, quantity, at=at, until=until)
        case Confirm(order_id):
            return tries.confirm(warehouse, order_id, at=at)
        case Cancel(order_id):
            return tries.cancel(warehouse, order_id, at=at)
        case Release(order_id):
            return warehouse.release(order_id, at=at)
        case Expire(order_id):
            tries.expire(warehouse, warehouse.reservations[order_id], at=at)
            return warehouse.reservations[order_id]


def _has_expired(reservation: Reservation) -> bool:
    """Whether that happened in the transaction at hand."""
    return reservation.changed and reservation.state is State.EXPIRED


def _told(reservation: Reservation) -> dict[str, object]:
    told: dict[str, object] = {"orderId": str(reservation.order_id), "state": reservation.state}
    if reservation.expires_at is not None:
        told["expiresAt"] = reservation.expires_at
    return told


def _answer(result: Result) -> Response:
    if isinstance(result, Problem):
        raise result
    return Response(orjson.dumps(result, option=orjson.OPT_UTC_Z), media_type="application/json")
