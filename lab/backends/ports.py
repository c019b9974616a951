"""Ports that stay the same over restarts, so that clients find their servers again."""

from __future__ import annotations

import json
import os
import random
import socket
from collections.abc import Collection

from lab.backends.errors import BackendError
from lab.supervision.claim import write_atomically
from lab.supervision.home import Home

# Below the range that operating systems hand to outgoing connections: a client's own socket must not take the port of
# a server that is down for a moment.
_RANGE = range(15000, 30000)


def port_for(home: Home, name: str, variable: str | None = None) -> int:
    """The variable's port, else the one chosen earlier for this home, else a free one, remembered. It may be taken by
    now: `secure` sees to that."""
    if variable and (given := os.environ.get(variable)):
        if not given.isdecimal() or not 0 < int(given) < 65536:
            raise BackendError(f"{variable} is not a port: {given!r}")
        return int(given)
    return _remembered(home).get(name) or choose_again(home, name)


def secure(home: Home, name: str, variable: str | None = None) -> int:
    """The port, certainly free: one chosen earlier that somebody else has taken since is chosen again; for one that
    the user named that is a BackendError."""
    port = port_for(home, name, variable)
    if is_free(port):
        return port
    if variable and os.environ.get(variable):
        raise BackendError(f"port {port} ({variable}) is taken by another process")
    return choose_again(home, name)


def choose_again(home: Home, name: str) -> int:
    """Another free port for that name, remembered from now on."""
    ports = _remembered(home)
    port = unused_port(taken=set(ports.values()))
    write_atomically(home.data / "ports.json", json.dumps({**ports, name: port}))
    return port


def unused_port(taken: Collection[int] = ()) -> int:
    """Free at this moment, and none of `taken`."""
    for port in random.sample(_RANGE, 200):
        if port not in taken and is_free(port):
            return port
    raise BackendError(f"no free port between {_RANGE.start} and {_RANGE.stop}")


def is_free(port: int) -> bool:
    """Whether a server could listen there now (connections that linger from an earlier one do not count)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
        return True


def _remembered(home: Home) -> dict[str, int]:
    path = home.data / "ports.json"
    return {str(name): int(port) for name, port in json.loads(path.read_text()).items()} if path.exists() else {}
