"""A server whose latency is known, in a process of its own: what a load generator is measured with.

``python -m lab.benchmarks.known_server --ms 20`` prints its port, answers every POST with 202 after so many
milliseconds, and ends when its standard input does. ``--every 10 --slow-ms 200`` makes each tenth request slow;
``--stall-at 100 --stall-ms 1000`` answers nothing for a second from the hundredth on. With ``--log FILE`` it writes
down, for each order by its customer, the milliseconds from its arrival to its answer as they really were: timers are
late on a busy machine, and the generator must not be blamed for it.
"""

import argparse
import asyncio
import csv
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import orjson
import uvloop
from httptools import HttpRequestParser

_ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Latency:
    """When the n-th request (from 0) is to be answered, and what has been."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self._asked = asked
        self._seen = 0
        self._open_again = 0.0
        self.held: list[tuple[str, float]] = []
        self.logs = asked.log is not None

    def next(self, arrived: float) -> float:
        """Seconds until the request that arrived then is to be answered."""
        asked, number = self._asked, self._seen
        self._seen += 1
        if asked.stall_ms and number == asked.stall_at:
            self._open_again = arrived + asked.stall_ms / 1000
        slow = asked.every and number % asked.every == 0
        usual: float = asked.slow_ms if slow else asked.ms
        return max(usual / 1000, self._open_again - arrived)


class _Connection(asyncio.Protocol):
    def __init__(self, latency: Latency) -> None:
        self._latency = latency
        self._parser = HttpRequestParser(self)
        self._body = b""
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        body, self._body = self._body, b""
        arrived = perf_counter()
        wait = self._latency.next(arrived)
        if wait > 0:
            self._loop.call_later(wait, self._answer, body, arrived)
        else:
            self._answer(body, arrived)

    def _answer(self, body: bytes, arrived: float) -> None:
        if self._latency.logs:
            self._latency.held.append((orjson.loads(body)["customerId"], (perf_counter() - arrived) * 1000))
        self._transport.write(_ANSWER)


@asynccontextmanager
async def known_server(*arguments: str) -> AsyncIterator[str]:
    """Starts one; yields the address of its orders. Left, it has ended and written its log."""
    command, pipe = [sys.executable, "-m", "lab.benchmarks.known_server", *arguments], asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}/orders"
    finally:
        process.stdin.close()
        await process.wait()


def read_log(path: Path) -> dict[str, float]:
    """Milliseconds by customer."""
    with open(path, newline="") as file:
        return {customer: float(held) for customer, held in csv.reader(file)}


async def _serve(latency: Latency) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(latency), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults: dict[str, Any] = {"ms": 0.0, "slow_ms": 0.0, "every": 0, "stall_at": 0, "stall_ms": 0.0}
    for name, default in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    parser.add_argument("--log", type=Path)
    return parser.parse_args()


def main() -> None:
    asked = _asked()
    latency = Latency(asked)
    uvloop.run(_serve(latency))
    if asked.log is not None:
        with open(asked.log, "w", newline="") as file:
            csv.writer(file).writerows(latency.held)


if __name__ == "__main__":
    main()
