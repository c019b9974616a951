"""What was begun is finished: a sweep takes up transactions that nobody goes on with."""

import asyncio

import structlog

from kit.periodic import every
from orders_svc.placing.tcc.coordinator import Coordinator

log = structlog.get_logger()

_EVERY_SECONDS = 0.5
_AT_A_TIME = 100


class Recovery:
    """Runs beside the requests. At the start it goes on at once with everything that was decided before (a try in a
    participant may be about to expire); what is still being tried is left to whoever tries it, until that is overdue.
    Any number of replicas may run it: each transaction is taken up by one of them at a time."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator
        self._starting = True

    async def run(self) -> None:
        await every(_EVERY_SECONDS, self.sweep)

    async def sweep(self) -> None:
        """Takes up what is due now, the longest overdue first, and no more than a hundred: a participant that is just
        coming back is not met by everything at once. Those that it does not answer are due again a second later."""
        if self._starting:
            await self._coordinator.hurry()
            self._starting = False
        found = await self._coordinator.take_up(limit=_AT_A_TIME)
        ends = await asyncio.gather(*(self._coordinator.finish(one) for one in found))
        silent = [end.unanswered for end in ends if end.unanswered is not None]
        if silent:
            log.warning("transactions are still open", count=len(silent), error=str(silent[0]))
