"""Sending orders: at their intended times whatever the answers do (open loop), or as fast as answers come (closed)."""

import asyncio
import gc
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from lab.load.alarm import Alarm
from lab.load.orders import Orders
from lab.load.plan import LoadPlan
from lab.load.pool import Pool
from lab.load.progress import tell
from lab.load.records import NOT_SENT, Record

AFTER_A_REFUSAL = 0.1
"""Seconds that a user of the closed loop pauses when nobody took the request: asking again at once would only burn CPU
that a service needs for its start."""


@dataclass
class Sent:
    """All records of a run, in the order of their indexes; how many requests were under way at most; for how many
    orders this machine had no socket."""

    records: list[Record] = field(default_factory=list)
    most_in_flight: int = 0
    starved: int = 0


async def send(plan: LoadPlan, orders: Orders) -> Sent:
    """Carries out the plan; returns when the last order has its answer or timed out. Needs the main thread.

    Latency runs from the intended time: a request that had to wait because the generator, the connection pool or the
    server was busy has waited in the customer's eyes too (no coordinated omission).
    """
    _allow_sockets(plan.connections)
    gc.collect()
    gc.disable()  # a collection in the middle would be measured as the shop's latency
    pool, alarm = Pool(plan.url, timeout=plan.timeout_seconds, most=plan.connections), Alarm()
    sender = _Sender(plan, orders, pool, alarm)
    telling = asyncio.create_task(tell(plan, sender.so_far))
    try:
        await (sender.closed_loop() if plan.concurrency else sender.open_loop())
    finally:
        gc.enable()
        telling.cancel()
        alarm.close()
        await pool.close()
    sender.sent.records.sort(key=lambda record: record.index)
    sender.sent.starved = pool.starved
    return sender.sent


class _Sender:
    def __init__(self, plan: LoadPlan, orders: Orders, pool: Pool, alarm: Alarm) -> None:
        self.sent = Sent()
        self._plan, self._orders, self._pool, self._alarm = plan, orders, pool, alarm
        self._traced = {index: f"traceparent: {plan.traceparent(index)}\r\n".encode() for index in plan.traced}
        self._in_flight = 0
        self._none_in_flight = asyncio.Event()
        wait = 0.0 if plan.start_at is None else max(plan.start_at - time.time(), 0.0)
        self._begin = time.perf_counter() + wait
        self._epoch = time.time() + wait - self._begin  # perf_counter + this = Unix time

    async def open_loop(self) -> None:
        for index, offset in enumerate(self._orders.offsets):
            due = self._begin + offset
            if due > time.perf_counter():
                await self._alarm.until(due)
            elif not index % 50:
                await asyncio.sleep(0)  # behind schedule: let answers in all the same
            self._order(index, due)
        if self._in_flight:
            self._none_in_flight.clear()
            await self._none_in_flight.wait()

    async def closed_loop(self) -> None:
        end = self._begin + self._plan.warmup_seconds + self._plan.seconds
        next_index = iter(range(2**62))
        loop = asyncio.get_running_loop()

        async def user() -> None:
            while (now := time.perf_counter()) < end:
                answered: asyncio.Future[int] = loop.create_future()
                self._order(next(next_index), now, answered.set_result)
                if await answered == NOT_SENT:
                    await asyncio.sleep(AFTER_A_REFUSAL)

        await self._alarm.until(self._begin)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._plan.concurrency):
                group.create_task(user())

    def so_far(self) -> tuple[int, int]:
        """Orders sent, and orders there are to send (0: as many as go through)."""
        return len(self.sent.records) + self._in_flight, len(self._orders.offsets)

    def _order(self, index: int, due: float, then: Callable[[int], None] | None = None) -> None:
        began = time.perf_counter()
        self._in_flight += 1
        if self._in_flight > self.sent.most_in_flight:
            self.sent.most_in_flight = self._in_flight
        ended = partial(self._ended, index, due, began, then)
        self._pool.post(self._orders.body(index), ended, self._traced.get(index, b""))

    def _ended(
        self, index: int, due: float, began: float, then: Callable[[int], None] | None, status: int, location: str
    ) -> None:
        late, latency = (began - due) * 1000, (time.perf_counter() - due) * 1000
        kept = location if self._plan.bare else ""
        self.sent.records.append(Record(index, self._epoch + due, late, latency, status, kept))
        self._in_flight -= 1
        if not self._in_flight:
            self._none_in_flight.set()
        if then is not None:
            then(status)


def _allow_sockets(connections: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 256
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
