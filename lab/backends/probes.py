"""Asking a server, in its own protocol, whether it can be used. One short connection, no client library."""

from __future__ import annotations

import socket
import struct

_METADATA = 3


def kafka_answers(host: str, port: int, patience: float = 1.0) -> bool:
    """True when the broker at the address answers Metadata with at least one live broker, which a broker does only
    when it is registered and unfenced: topics can be created and written from then on. Asks for version 4, which every
    broker from 0.11 to 4.x understands."""
    body = struct.pack(">hhih4si?", _METADATA, 4, 1, 4, b"shop", 0, False)
    answer = _ask(host, port, struct.pack(">i", len(body)) + body, 16, patience)
    return len(answer) >= 16 and struct.unpack(">i", answer[12:16])[0] > 0


def postgres_answers(host: str, port: int, patience: float = 1.0) -> bool:
    """True when the server asks for authentication or lets us in; while it starts up or shuts down it sends an error
    instead (as pg_isready does it: no login is tried)."""
    body = struct.pack(">i", 196608) + b"user\0postgres\0database\0postgres\0\0"
    return _ask(host, port, struct.pack(">i", len(body) + 4) + body, 1, patience).startswith(b"R")


def _ask(host: str, port: int, question: bytes, length: int, patience: float) -> bytes:
    """At least the first bytes of the answer, fewer when the server hangs up, none when it is not there. What has
    come is read to its end: closing on unread bytes would reset the connection, which the server would log."""
    answer = b""
    try:
        with socket.create_connection((host, port), patience) as connection:
            connection.settimeout(patience)
            connection.sendall(question)
            while len(answer) < length and (more := connection.recv(65536)):
                answer += more
    except OSError:
        return b""
    return answer
