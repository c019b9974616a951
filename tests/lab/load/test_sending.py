"""What the sender does with connections and answers of all kinds."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import orjson
import pytest

from lab.load.plan import LoadPlan
from lab.load.process import Load, LoadFailed
from lab.load.records import NO_ANSWER, NOT_SENT, read_records
from lab.load.result import LoadResult

Answer = Callable[[int], Awaitable[bytes]]
EMPTY = b"Content-Length: 0\r\n\r\n"


class Server:
    """Answers the n-th order with the bytes that ``answer(n)`` gives; closes the connection after empty ones, and after
    those that say so. Remembers the customers, and counts connections and how many are open at most."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.customers: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.connections = self.most = 0
        self._open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.append(task)
        self.connections += 1
        self._open += 1
        self.most = max(self.most, self._open)
        try:
            await self._exchanges(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open -= 1
            writer.close()

    async def _exchanges(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            found = re.search(rb"content-length: (\d+)", head.lower())
            assert found
            self.customers.append(orjson.loads(await reader.readexactly(int(found[1])))["customerId"])
            answer = await self._answer(len(self.customers) - 1)
            writer.write(answer)
            await writer.drain()
            if not answer or b"close" in answer or b"HTTP/1.0" in answer:
                return


@asynccontextmanager
async def server(answer: Answer | bytes) -> AsyncIterator[tuple[str, Server]]:
    async def always(_: int) -> bytes:
        assert isinstance(answer, bytes)
        return answer

    told = Server(always if isinstance(answer, bytes) else answer)
    listening = await asyncio.start_server(told.serve, "127.0.0.1", 0, backlog=1024)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/orders", told
        await asyncio.gather(*told.tasks)


async def run(url: str, folder: Path, **fields: object) -> LoadResult:
    plan = LoadPlan(url=url, run="test", records=str(folder / "records.csv"), **fields)  # type: ignore[arg-type]
    return await (await Load.start(plan)).result()


def statuses(folder: Path) -> set[int]:
    return {record.status for record in read_records(folder / "records.csv")}


async def test_each_order_has_a_customer_of_its_own_and_its_record(tmp_path: Path) -> None:
    async def answer(n: int) -> bytes:
        return b"HTTP/1.1 202 A\r\n" + EMPTY if n % 2 else b"HTTP/1.1 503 B\r\n" + EMPTY

    async with server(answer) as (url, told):
        result = await run(url, tmp_path, rate=100, seconds=0.5, arrivals="poisson", seed=7)
    records = list(read_records(tmp_path / "records.csv"))
    assert set(told.customers) == {f"test-{record.index}" for record in records}
    assert result.statuses.keys() == {"202", "503"}
    assert result.accepted == sum(record.accepted for record in records)


async def test_a_connection_is_used_again(tmp_path: Path) -> None:
    async with server(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n") as (url, told):
        result = await run(url, tmp_path, concurrency=3, seconds=0.5)
    assert result.statuses.keys() == {"201"}
    assert len(told.customers) == result.offered > 3
    assert told.connections == 3


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", 201),
        (b"HTTP/1.1 201 Created\r\nConnection: close\r\n\r\nup to the end", 201),
        (b"HTTP/1.0 200 OK\r\n\r\nup to the end", 200),
        (b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", 204),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\n" + EMPTY, 202),
        (b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n" + EMPTY, 302),
        (b"", NO_ANSWER),
        (b"HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 200\r\n\r\nbroken off", NO_ANSWER),
        (b"this is no HTTP, close\r\n\r\n", NO_ANSWER),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade, close\r\n\r\n", NO_ANSWER),
    ],
)
async def test_an_answer_counts_when_it_is_whole(tmp_path: Path, answer: bytes, status: int) -> None:
    async with server(answer) as (url, told):
        result = await run(url, tmp_path, rate=50, seconds=0.1)
    assert result.offered == len(told.customers) == 5
    assert statuses(tmp_path) == {status}


async def test_a_refused_connection_is_certainly_no_order(tmp_path: Path) -> None:
    result = await run("http://127.0.0.1:9/orders", tmp_path, rate=50, seconds=0.2)
    assert result.statuses == {"not sent": 10}
    assert statuses(tmp_path) == {NOT_SENT}


async def test_an_order_whose_connection_never_came_about_was_not_sent(tmp_path: Path) -> None:
    """The backlog is full and nobody accepts: the network does not answer at all."""
    with socket.socket() as deaf, ExitStack() as waiting:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(4):
            first = waiting.enter_context(socket.socket())
            first.setblocking(False)
            first.connect_ex(deaf.getsockname())
        result = await run(
            f"http://127.0.0.1:{deaf.getsockname()[1]}/", tmp_path, rate=50, seconds=0.2, timeout_seconds=1
        )
    assert result.statuses == {"not sent": 10}
    assert min(record.latency_ms for record in read_records(tmp_path / "records.csv")) > 999


async def test_a_run_that_needed_more_connections_than_it_may_have_is_invalid(tmp_path: Path) -> None:
    over = asyncio.Event()

    async def never(_: int) -> bytes:
        await over.wait()
        return b""

    async with server(never) as (url, _):
        result = await run(url, tmp_path, rate=50, seconds=0.2, timeout_seconds=1, connections=4)
        over.set()
    assert sum(result.statuses.values()) == 10
    assert result.statuses.keys() <= {"no answer", "not sent"}
    assert result.invalid is not None
    assert "connections" in result.invalid


async def test_with_fewer_connections_than_orders_each_has_its_turn(tmp_path: Path) -> None:
    async def answer(_: int) -> bytes:
        await asyncio.sleep(0.02)
        return b"HTTP/1.1 202 A\r\n" + EMPTY

    async with server(answer) as (url, told):
        result = await run(url, tmp_path, rate=200, seconds=0.5, connections=2)
    assert result.statuses == {"202": 100}
    assert told.connections == told.most == 2


async def test_a_closed_loop_keeps_its_customers_busy(tmp_path: Path) -> None:
    async def answer(_: int) -> bytes:
        await asyncio.sleep(0.02)
        return b"HTTP/1.1 201 C\r\n" + EMPTY

    async with server(answer) as (url, told):
        result = await run(url, tmp_path, concurrency=4, seconds=1)
    assert result.most_in_flight == 4
    assert 40 < len(told.customers) <= 4 * 50 + 4


async def test_a_user_whom_nobody_hears_pauses(tmp_path: Path) -> None:
    result = await run("http://127.0.0.1:9/orders", tmp_path, concurrency=2, seconds=1)
    assert result.statuses.keys() == {"not sent"}
    assert result.offered <= 2 * 10


async def test_a_generator_that_is_stopped_gives_no_result(tmp_path: Path) -> None:
    plan = LoadPlan(url="http://127.0.0.1:9/", run="x", records=str(tmp_path / "r"), rate=1, seconds=60)
    load = await Load.start(plan)
    await load.stop()
    with pytest.raises(LoadFailed):
        await load.result()
