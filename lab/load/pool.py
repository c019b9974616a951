"""Connections to one host: taken from those that are idle, opened when there is none, given up after a time."""

import asyncio
import errno
import ssl
import time
from collections import deque
from urllib.parse import urlsplit

from lab.load.connection import Connection
from lab.load.exchange import Exchange, Over
from lab.load.records import NO_ANSWER, NOT_SENT

_OUR_OWN_LIMITS = (errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS)


class Pool:
    """At most ``most`` connections; who comes when all are busy waits for one. ``starved`` counts orders that this
    machine had no socket or port for: that says nothing about the shop."""

    def __init__(self, url: str, *, timeout: float, most: int) -> None:
        """``timeout`` seconds after ``post`` an exchange is over, answered or not."""
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        self._ssl = ssl.create_default_context() if parts.scheme == "https" else None
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = parts.netloc.rpartition("@")[2]
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: "
        self._head = head.encode()
        self._timeout, self._most = timeout, most
        self._loop = asyncio.get_running_loop()
        self._idle: dict[Connection, None] = {}
        self._all: set[Connection] = set()
        self._opening: set[_Attempt] = set()
        self._queue: deque[Exchange] = deque()
        self._waiting: deque[Exchange] = deque()
        self._look: asyncio.TimerHandle | None = None
        self.starved = 0

    def post(self, body: bytes, over: Over, headers: bytes = b"") -> None:
        """Sends it as soon as there is a connection; ``over`` is told how it ended, and never before this returns.
        ``headers`` are further lines of the request's head, each with its line end."""
        request = b"%b%d\r\n%b\r\n%b" % (self._head, len(body), headers, body)
        exchange = Exchange(request, time.perf_counter() + self._timeout, over)
        self._waiting.append(exchange)
        if self._look is None:
            self._look = self._loop.call_later(self._timeout, self._give_up)
        if self._idle:
            self._idle.popitem()[0].send(exchange)
        elif len(self._all) + len(self._opening) < self._most:
            self._open(exchange)
        else:
            self._queue.append(exchange)

    def freed(self, connection: Connection) -> None:
        waiting = self._waiting
        while waiting and waiting[0].over is None:
            waiting.popleft()
        if (exchange := self._next()) is not None:
            connection.send(exchange)
        else:
            self._idle[connection] = None

    def lost(self, connection: Connection) -> None:
        self._all.discard(connection)
        self._idle.pop(connection, None)
        self._room_for_another()

    async def close(self) -> None:
        """Closes all connections; who still waits is not told."""
        self._queue.clear()
        if self._look is not None:
            self._look.cancel()
        for attempt in tuple(self._opening):
            attempt.abandon()
        for connection in tuple(self._all):
            connection.close()
        await asyncio.sleep(0)

    def _open(self, exchange: Exchange) -> None:
        attempt = _Attempt()
        self._opening.add(attempt)
        exchange.carrier = attempt
        attempt.task = self._loop.create_task(self._connect(exchange, attempt))

    async def _connect(self, exchange: Exchange, attempt: "_Attempt") -> None:
        try:
            _, connection = await self._loop.create_connection(
                lambda: Connection(self), self._host, self._port, ssl=self._ssl
            )
        except OSError as error:
            self._opening.discard(attempt)
            self.starved += error.errno in _OUR_OWN_LIMITS
            exchange.end(NOT_SENT)
            self._room_for_another()
            return
        except asyncio.CancelledError:
            self._opening.discard(attempt)
            self._room_for_another()
            raise
        self._opening.discard(attempt)
        self._all.add(connection)
        if exchange.over is None:
            self.freed(connection)
        else:
            connection.send(exchange)

    def _room_for_another(self) -> None:
        if (exchange := self._next()) is not None:
            self._open(exchange)

    def _next(self) -> Exchange | None:
        while self._queue:
            if (exchange := self._queue.popleft()).over is not None:
                return exchange
        return None

    def _give_up(self) -> None:
        now, waiting = time.perf_counter(), self._waiting
        while waiting and (waiting[0].over is None or waiting[0].give_up_at <= now):
            exchange = waiting.popleft()
            if exchange.over is not None:
                carrier, status = exchange.carrier, NO_ANSWER if exchange.sent else NOT_SENT
                exchange.end(status)
                if carrier is not None:
                    carrier.abandon()
        rest = max(waiting[0].give_up_at - now, 0.001) if waiting else None
        self._look = None if rest is None else self._loop.call_later(rest, self._give_up)


class _Attempt:
    """A connection that is being made."""

    task: asyncio.Task[None] | None = None

    def abandon(self) -> None:
        if self.task is not None:
            self.task.cancel()
