"""Writing a group of new orders at once, each idempotency key once: what all wirings share."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from kit.database import Connection, Database
from kit.grouping import Grouping
from kit.ids import new_id
from kit.problems import Problem, unavailable
from orders_svc import store
from orders_svc.domain import Order, ShownProduct
from orders_svc.placing import refusals
from orders_svc.placing.protocol import OrderRequest

C = TypeVar("C", bound=Connection)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A request and the product it names: as shown to the customer, or why it cannot be had; and the order's id if it
    becomes one."""

    request: OrderRequest
    product: ShownProduct | Problem
    order_id: UUID = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Admitted:
    """The order that stands for a request; ``new`` is False when an earlier request with the same key placed it."""

    order: Order
    new: bool


class Admissions:
    """Requests of wirings that ask for the product elsewhere, one at a time; those that wait at the same moment are
    written together. ``shown`` answers with the product or raises Problem, ``write`` is ``admit`` for a group, in a
    transaction of its own. No connection is held while the product is asked for."""

    def __init__(
        self,
        database: Database,
        shown: Callable[[OrderRequest], Awaitable[ShownProduct]],
        write: Callable[[Sequence[Candidate]], Awaitable[list[Admitted | Problem]]],
    ) -> None:
        self._database = database
        self._shown = shown
        self._group = Grouping(write, name="save the order")

    async def admit(self, request: OrderRequest) -> Admitted:
        """An order that the request's key has placed before is found without asking for its product. Raises Problem."""
        if request.idempotency_key is not None:
            async with self._database.connection() as connection:
                earlier = await repeated(connection, request)
            if earlier is not None:
                return Admitted(earlier, new=False)
        admitted = await self._group.do(Candidate(request, await self._shown(request)))
        if isinstance(admitted, Problem):
            raise admitted
        return admitted


def need_transaction(requests: Iterable[OrderRequest]) -> bool:
    """Whether admitting them takes more than one writing statement: keys are claimed before orders are inserted."""
    return any(request.idempotency_key is not None for request in requests)


async def admit(
    connection: C,
    candidates: Sequence[Candidate],
    insert: Callable[[C, list[tuple[OrderRequest, Order]]], Awaitable[None]],
) -> list[Admitted | Problem]:
    """Has the new orders of a group inserted, in the caller's transaction; one result a candidate, in order.

    A key that was used before, also within the group, gets the order it placed then, or a problem when the content is
    another; a candidate that gets a problem leaves nothing behind. An earlier order is found even when its product
    cannot be had any more.
    """
    now = datetime.now(UTC)
    drafts = [_draft(candidate, now) for candidate in candidates]
    placed = await _placed_by_key(connection, candidates, drafts, now)
    results = [_result(candidate, draft, placed) for candidate, draft in zip(candidates, drafts, strict=True)]
    new = [
        (candidate.request, result.order)
        for candidate, result in zip(candidates, results, strict=True)
        if isinstance(result, Admitted) and result.new
    ]
    if new:
        await insert(connection, new)
    return results


async def repeated(connection: Connection, request: OrderRequest) -> Order | None:
    """The order that the request's key has placed before, or None. Raises Problem when its content was another."""
    key = request.idempotency_key
    if key is None:
        return None
    found = (await store.find_keys(connection, [key])).get(key)
    if found is None:
        return None
    if found[0] != request.fingerprint():
        raise refusals.key_of_another_order(key, found[1].id)
    return found[1]


def _draft(candidate: Candidate, now: datetime) -> Order | None:
    request, product = candidate.request, candidate.product
    if isinstance(product, Problem):
        return None
    return Order.place(candidate.order_id, product, request.quantity, request.customer, at=now)


async def _placed_by_key(
    connection: Connection, candidates: Sequence[Candidate], drafts: Sequence[Order | None], now: datetime
) -> dict[str, tuple[str, Order]]:
    """Fingerprint and order that each key of the group stands for: the first draft that claimed it, or an old order.
    A key is missing when it is new and no candidate that brought it can be placed."""
    claims: dict[str, tuple[str, Order]] = {}
    keys: set[str] = set()
    for candidate, draft in zip(candidates, drafts, strict=True):
        key = candidate.request.idempotency_key
        if key is not None:
            keys.add(key)
            if draft is not None and key not in claims:
                claims[key] = (candidate.request.fingerprint(), draft)
    if not keys:
        return {}
    won: set[str] = set()
    if claims:
        rows = [(key, fingerprint, draft.id, now) for key, (fingerprint, draft) in sorted(claims.items(), key=_by_key)]
        won = await store.claim_keys(connection, rows)
    placed = {key: claims[key] for key in won}
    if keys - won:
        placed |= await store.find_keys(connection, keys - won)
    return placed


def _result(candidate: Candidate, draft: Order | None, placed: dict[str, tuple[str, Order]]) -> Admitted | Problem:
    key = candidate.request.idempotency_key
    if key is not None and key in placed:
        fingerprint, order = placed[key]
        if order is draft:
            return Admitted(order, new=True)
        if fingerprint == candidate.request.fingerprint():
            return Admitted(order, new=False)
        return refusals.key_of_another_order(key, order.id)
    if isinstance(candidate.product, Problem):
        return candidate.product
    if key is not None:
        return unavailable("the Idempotency-Key has just been forgotten after its 24 h; try again")
    assert draft is not None
    return Admitted(draft, new=True)


def _by_key(claim: tuple[str, object]) -> str:
    return claim[0]
