"""products' part in the synchronous wirings: taking stock for an order when asked over HTTP, and putting it back.

The decisions are the reactions' (the same warehouse, the same tables). Requests that wait at the same moment are
decided in one transaction, in the order in which they came; nobody is answered before the commit. A wish whose asker
has stopped waiting by the time its group's turn comes is not begun (in the wirings that pass a deadline on).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response

from calls.deadlines import is_over, unawaited, waits_until
from kit.body import parse
from kit.database import Overtaken
from kit.grouping import Grouping
from kit.problems import Problem
from products_svc import documentation as doc
from products_svc import refusals, store
from products_svc.domain import State, Warehouse
from products_svc.schemas import Reserve

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Take:
    order_id: UUID
    product_id: int
    quantity: int
    waits_until: float | None = None


@dataclass(frozen=True, slots=True)
class PutBack:
    order_id: UUID
    waits_until: float | None = None


Wish = Take | PutBack
Result = dict[str, object] | Problem


class Participant:
    """Decides wishes in groups. ``do`` returns what to answer, a Problem if the answer is no."""

    def __init__(self, begin: store.Begin) -> None:
        self._begin = begin
        self.do = Grouping(self._decide, name="take stock, or put it back").do

    async def _decide(self, wishes: Sequence[Wish]) -> list[Result]:
        awaited = [wish for wish in wishes if not is_over(wish.waits_until)]
        if len(awaited) == len(wishes):
            return await self._decide_until_done(wishes)
        decided = iter(await self._decide_until_done(awaited) if awaited else ())
        begun = set(map(id, awaited))
        return [next(decided) if id(wish) in begun else unawaited() for wish in wishes]

    async def _decide_until_done(self, wishes: Sequence[Wish]) -> list[Result]:
        for _ in range(_TRIES - 1):
            try:
                return await self._decide_once(wishes)
            except Overtaken:
                continue
        return await self._decide_once(wishes)

    async def _decide_once(self, wishes: Sequence[Wish]) -> list[Result]:
        at = datetime.now(UTC)
        async with self._begin() as connection:
            takes = [wish for wish in wishes if isinstance(wish, Take)]
            warehouse = await store.load(
                connection, (take.product_id for take in takes), (wish.order_id for wish in wishes)
            )
            results = [_decided(warehouse, wish, at) for wish in wishes]
            warehouse.close(at=at)
            await store.save(connection, warehouse)
        return results


def router(participant: Participant) -> APIRouter:
    routes = APIRouter(prefix="/participant", tags=["participant (synchronous wirings)"])

    @routes.post("/reservations", **doc.RESERVE)
    async def reserve(request: Request) -> Response:
        body = parse(Reserve, await request.body())
        return _answer(await participant.do(Take(body.order_id, body.product_id, body.quantity, waits_until(request))))

    @routes.post("/reservations/{order_id}/release", **doc.RELEASE)
    async def release(order_id: UUID, request: Request) -> Response:
        return _answer(await participant.do(PutBack(order_id, waits_until(request))))

    return routes


def _decided(warehouse: Warehouse, wish: Wish, at: datetime) -> Result:
    if isinstance(wish, PutBack):
        state = warehouse.release(wish.order_id, at=at).state
        return {"orderId": str(wish.order_id), "state": state}
    if wish.product_id not in warehouse.products and wish.order_id not in warehouse.reservations:
        return refusals.unknown_product(wish.product_id)
    reservation = warehouse.reserve(wish.order_id, wish.product_id, wish.quantity, at=at)
    if reservation.state is State.RESERVED:
        return {"orderId": str(wish.order_id), "state": reservation.state}
    return refusals.not_reserved(reservation)


def _answer(result: Result) -> Response:
    if isinstance(result, Problem):
        raise result
    return Response(orjson.dumps(result), media_type="application/json")
