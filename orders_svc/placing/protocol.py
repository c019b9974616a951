"""What every wiring offers: placing an order and cancelling one."""

from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from time import monotonic
from typing import Protocol
from uuid import UUID

from orders_svc.domain import Customer, Order


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A valid request for an order; whether the product exists is not known yet. ``traceparent`` (W3C) is the
    request's, None when it had none; ``deadline`` (of ``time.monotonic()``) is when nobody waits for the answer any
    more, None when nobody said."""

    product_id: int
    quantity: int
    customer: Customer
    idempotency_key: str | None = None
    traceparent: str | None = None
    deadline: float | None = None

    def within(self, seconds: float) -> "OrderRequest":
        """The same, with a deadline at most ``seconds`` from now."""
        until = monotonic() + seconds
        return replace(self, deadline=until if self.deadline is None else min(self.deadline, until))

    def fingerprint(self) -> str:
        """A digest of what is ordered, for telling a repeat from another order under the same key."""
        customer = self.customer
        content = "\0".join((str(self.product_id), str(self.quantity), customer.id, customer.name, customer.address))
        return blake2b(content.encode(), digest_size=16).hexdigest()


class Placing(Protocol):
    """One wiring. Both methods raise ``kit.problems.Problem`` for what the customer must be told instead, and answer
    only what is committed."""

    @property
    def answers_settled(self) -> bool:
        """Whether ``place`` itself brings the order to its end, so that its answer is the outcome."""
        ...

    async def place(self, request: OrderRequest) -> Order:
        """The new order, or the one that the same idempotency key has placed before, in its current status.

        Problems: 422 for an unknown or withdrawn product (nothing is left behind) and for a key that was used for
        another order; 503 when the order cannot be taken right now.
        """
        ...

    async def cancel(self, order_id: UUID, reason: str, *, traceparent: str | None = None) -> Order:
        """Starts (or repeats) the cancellation, and returns the order as far as it has come.

        Problems: 404 for an unknown order; 409 for one that cannot be cancelled any more; 503 when delivery was asked
        and has not answered (synchronous wirings): the order stays ``cancelling`` and is taken up again.
        """
        ...

    async def time_out(self, before: datetime, *, limit: int) -> int:
        """Cancels up to ``limit`` orders that were placed before ``before`` and are still not settled (the chain also
        takes up younger ones whose cancellation nobody has answered); for how many that is done (the events wiring
        asks delivery, the chain has its answer). Fewer than ``limit``: there are no more, or going on at once would not
        help. Whatever cannot be finished now is taken up by a later call."""
        ...

    async def ready(self) -> str | None:
        """Why orders cannot be placed now, or None when they can."""
        ...
