"""A keep-alive connection (HTTP/1.1) that carries one exchange after the other."""

import asyncio
from typing import Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from lab.load.exchange import Exchange
from lab.load.records import NO_ANSWER

_LENGTHS = (b"content-length", b"transfer-encoding")


class Owner(Protocol):
    """Who lends connections out."""

    def freed(self, connection: "Connection") -> None:
        """It can carry the next exchange."""

    def lost(self, connection: "Connection") -> None:
        """It is closed, and will carry nothing any more."""


class Connection(asyncio.Protocol):
    """An exchange ends when its response is complete; one that the server breaks off, or answers with what is no HTTP,
    ends without an answer, because the order may have been placed all the same."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._parser = HttpResponseParser(self)
        self._exchange: Exchange | None = None
        self._complete = self._stays = self._to_the_end = False

    def send(self, exchange: Exchange) -> None:
        self._exchange = exchange
        exchange.carrier = self
        exchange.sent = True
        self._transport.write(exchange.request)
        exchange.request = b""

    def close(self) -> None:
        self._transport.close()

    def abandon(self) -> None:
        """The answer is not waited for any more: nothing else can be sent on this connection."""
        self._exchange = None
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._to_the_end = False
            self._transport.abort()
            return
        if self._complete:
            self._complete = False
            self._answered()

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.lost(self)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            whole = self._to_the_end and exc is None
            if whole:
                self._tell(exchange)
            else:
                exchange.end(NO_ANSWER)

    def on_message_begin(self) -> None:
        self._unframed, self._to_the_end = True, False
        self._location = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in _LENGTHS:
            self._unframed = False
        elif name == b"location":
            self._location = value

    def on_headers_complete(self) -> None:
        """Without a length and on a connection that does not stay, the body ends where the connection does."""
        final = self._parser.get_status_code() >= 200
        self._to_the_end = final and self._unframed and not self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        """Only notes: what is raised here would look like an error of the parser, which forgets the rest at once."""
        self._complete = self._parser.get_status_code() >= 200  # 1xx: the answer is yet to come
        self._stays = self._parser.should_keep_alive()

    def _answered(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            self._transport.abort()  # an answer nobody asked for: what comes next could be taken for another's
            return
        if self._stays:
            self._owner.freed(self)
        else:
            self._transport.close()
        self._tell(exchange)

    def _tell(self, exchange: Exchange) -> None:
        exchange.end(self._parser.get_status_code(), self._location.decode("latin-1"))
