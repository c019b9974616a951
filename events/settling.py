"""Brings a batch of arrivals behind us: written, or parked as dead letters, and never passed over."""

from collections.abc import Awaitable, Callable, Sequence

from events.arrivals import Arrival
from events.failures import is_transient
from events.positions import PositionMoved

Transact = Callable[[Sequence[Arrival]], Awaitable[None]]
"""Writes the arrivals in one transaction: those with an ``error`` as dead letters, the others by their handlers."""

Wait = Callable[[Exception], Awaitable[None]]
"""Called after a transient failure: report it, pause, and return to try again (or raise to give up)."""


async def settle(arrivals: Sequence[Arrival], transact: Transact, wait: Wait, attempt: int = 1) -> None:
    """Returns when every arrival is settled, in order.

    A transient failure: the same again after ``wait``, for ever. Any other: the arrivals are halved, each half settled
    by itself, until the one that fails alone is found. If it fails alone once more, it is given to ``transact`` with
    its error set, which makes it a dead letter. PositionMoved passes through: the rest is somebody else's. So does the
    failure of what is a dead letter already, or nothing at all: then the bookkeeping itself is broken.
    """
    failed_alone = False
    while True:
        try:
            await transact(arrivals)
            return
        except PositionMoved:
            raise
        except Exception as error:
            if is_transient(error):
                await wait(error)
                continue
            if not arrivals or (len(arrivals) == 1 and arrivals[0].error is not None):
                raise
            if len(arrivals) == 1 and not failed_alone:
                failed_alone, attempt = True, attempt + 1
                continue
            failure = error
        break
    if len(arrivals) > 1:
        middle = len(arrivals) // 2
        await settle(arrivals[:middle], transact, wait, attempt + 1)
        await settle(arrivals[middle:], transact, wait, attempt + 1)
    else:
        poison = arrivals[0]
        await settle([Arrival(poison.record, poison.identity, error=failure, attempts=attempt)], transact, wait)
