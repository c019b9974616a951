"""An order that nothing settles is cancelled, through the same door as a customer's cancellation."""

from datetime import UTC, datetime, timedelta

import structlog

from kit.periodic import every
from orders_svc.placing import Placing

log = structlog.get_logger()

_AT_A_TIME = 200


class TimeOuts:
    """Cancels orders that are not settled ``seconds`` after they were placed; looks ten times in that span, at least
    every five seconds. Any number of replicas may run it: an order that one holds is left alone by the others."""

    def __init__(self, placing: Placing, seconds: float) -> None:
        self._placing = placing
        self._span = timedelta(seconds=seconds)

    async def run(self) -> None:
        await every(min(max(self._span.total_seconds() / 10, 0.1), 5.0), self.sweep)

    async def sweep(self) -> None:
        """Takes up every order that is overdue now. Ends early where a group of orders could not all be cancelled: the
        rest waits for the next look, so that a link that is down is not asked without pause."""
        before = datetime.now(UTC) - self._span
        while count := await self._placing.time_out(before, limit=_AT_A_TIME):
            log.info("cancelling orders that timed out", orders=count)
            if count < _AT_A_TIME:
                return
