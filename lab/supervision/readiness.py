"""Asking a process whether it can be used yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit


async def is_ready(ready: Callable[[], bool] | str | None, patience: float = 1.0) -> bool:
    """One question, answered within `patience` seconds for a URL; a refused connection means no. A function is asked
    in a thread, so that it may block."""
    if ready is None:
        return True
    if callable(ready):
        return await asyncio.to_thread(ready)
    try:
        async with asyncio.timeout(patience):
            return 200 <= await _status_of(ready) < 300
    except (OSError, ValueError, IndexError, TimeoutError):
        return False


async def _status_of(url: str) -> int:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()
