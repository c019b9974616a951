"""What was begun is finished: a sweep takes up transactions that nobody goes on with."""

import asyncio

from kit.periodic import every
from orders_svc.placing.tcc.coordinator import Coordinator

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
        """Takes up all that is due now, once. Those of which a participant does not answer come up again later."""
        if self._starting:
            await self._coordinator.hurry()
            self._starting = False
        while found := await self._coordinator.take_up(limit=_AT_A_TIME):
            await asyncio.gather(*(self._coordinator.finish(one) for one in found))
            if len(found) < _AT_A_TIME:
                return
