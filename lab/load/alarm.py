"""Waking up on time: finer than the event loop's timers, which know whole milliseconds."""

import asyncio
import signal
import time

_SOON = 1e-6  # 0 would switch the timer off


class Alarm:
    """Needs the main thread, and SIGALRM for itself."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung: asyncio.Future[None] | None = None
        self._loop.add_signal_handler(signal.SIGALRM, self._ring)

    async def until(self, moment: float) -> None:
        """Returns at that time of ``time.perf_counter``, or a little later; never before it. It spends no CPU on
        waiting: the processor may be needed by what is measured."""
        while (early := moment - time.perf_counter()) > 0:
            self._rung = self._loop.create_future()
            signal.setitimer(signal.ITIMER_REAL, max(early, _SOON))
            await self._rung

    def close(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._loop.remove_signal_handler(signal.SIGALRM)

    def _ring(self) -> None:
        if self._rung is not None and not self._rung.done():
            self._rung.set_result(None)
