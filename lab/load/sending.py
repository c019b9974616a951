"""Sending orders: at their intended times whatever the answers do (open loop), or as fast as answers come (closed)."""

import asyncio
import gc
import resource
import time
from dataclasses import dataclass, field

import aiohttp

from lab.load.orders import Orders
from lab.load.plan import LoadPlan
from lab.load.progress import tell
from lab.load.records import NO_ANSWER, NOT_SENT, Record

_HEADERS = {"Content-Type": "application/json"}


@dataclass
class Sent:
    """All records of a run, in the order of their indexes, and how many requests were under way at most."""

    records: list[Record] = field(default_factory=list)
    most_in_flight: int = 0


async def send(plan: LoadPlan, orders: Orders) -> Sent:
    """Carries out the plan; returns when the last order has its answer or timed out.

    Latency runs from the intended time: a request that had to wait because the generator, the connection pool or the
    server was busy has waited in the customer's eyes too (no coordinated omission).
    """
    _allow_sockets(plan.connections)
    connector = aiohttp.TCPConnector(limit=plan.connections, limit_per_host=0, force_close=False, keepalive_timeout=75)
    timeout = aiohttp.ClientTimeout(total=plan.timeout_seconds)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, headers=_HEADERS, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        sender = _Sender(plan, orders, session)
        gc.collect()
        gc.disable()  # a collection in the middle would be measured as the shop's latency
        telling = asyncio.create_task(tell(plan, sender.so_far))
        try:
            await (sender.closed_loop() if plan.concurrency else sender.open_loop())
        finally:
            gc.enable()
            telling.cancel()
        sender.sent.records.sort(key=lambda record: record.index)
        return sender.sent


class _Sender:
    def __init__(self, plan: LoadPlan, orders: Orders, session: aiohttp.ClientSession) -> None:
        self.sent = Sent()
        self._plan = plan
        self._session = session
        self._orders = orders
        self._traced = {index: {"traceparent": plan.traceparent(index)} for index in plan.traced}
        self._in_flight = 0
        wait = 0.0 if plan.start_at is None else max(plan.start_at - time.time(), 0.0)
        self._begin = time.perf_counter() + wait
        self._epoch = time.time() + wait - self._begin  # perf_counter + this = Unix time

    async def open_loop(self) -> None:
        async with asyncio.TaskGroup() as group:
            for index, offset in enumerate(self._orders.offsets):
                due = self._begin + offset
                while (early := due - time.perf_counter()) > 0:  # noqa: ASYNC110 (a timer may fire early)
                    await asyncio.sleep(early)
                group.create_task(self._order(index, due))
                if not index % 50:
                    await asyncio.sleep(0)  # behind schedule: let answers in all the same

    async def closed_loop(self) -> None:
        end = self._begin + self._plan.warmup_seconds + self._plan.seconds
        next_index = iter(range(2**62))

        async def customer() -> None:
            while (now := time.perf_counter()) < end:
                await self._order(next(next_index), now)

        await asyncio.sleep(max(self._begin - time.perf_counter(), 0))
        async with asyncio.TaskGroup() as group:
            for _ in range(self._plan.concurrency):
                group.create_task(customer())

    def so_far(self) -> tuple[int, int]:
        """Orders sent, and orders there are to send (0: as many as go through)."""
        return len(self.sent.records) + self._in_flight, len(self._orders.offsets)

    async def _order(self, index: int, due: float) -> None:
        began = time.perf_counter()
        self._in_flight += 1
        self.sent.most_in_flight = max(self.sent.most_in_flight, self._in_flight)
        status = await self._post(index)
        self._in_flight -= 1
        ended = time.perf_counter()
        late, latency = (began - due) * 1000, (ended - due) * 1000
        self.sent.records.append(Record(index, self._epoch + due, late, latency, status))

    async def _post(self, index: int) -> int:
        try:
            async with self._session.post(
                self._plan.url, data=self._orders.body(index), headers=self._traced.get(index)
            ) as response:
                await response.read()
                return response.status
        except aiohttp.ClientConnectorError:
            return NOT_SENT
        except (aiohttp.ClientError, TimeoutError, OSError):
            return NO_ANSWER


def _allow_sockets(connections: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 256
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
