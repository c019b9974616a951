"""The ports of a shop's services: the usual ones where they are free, else others."""

import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO

from lab.backends.ports import is_free, unused_port
from lab.running.errors import ShopError
from lab.running.layout import SERVICES, USUAL_PORTS


def choose_ports(replicas: int = 1, *, usual: bool = True) -> dict[str, int]:
    """One port a service, and one for each further replica (``orders-1``, ...).

    ``SHOP_ORDERS_PORT``, ``SHOP_PRODUCTS_PORT`` and ``SHOP_DELIVERY_PORT`` win (ShopError when taken); then 8081, 8085
    and 8082; then any free one.
    """
    ports: dict[str, int] = {}
    for service in SERVICES:
        variable = f"SHOP_{service.upper()}_PORT"
        given = os.environ.get(variable) if usual else None
        if given:
            if not given.isdecimal() or not 0 < int(given) < 65536 or not is_free(int(given)):
                raise ShopError(f"{variable}={given} is not a free port; free it or name another one")
            ports[service] = int(given)
        elif usual and is_free(USUAL_PORTS[service]) and _claim(USUAL_PORTS[service]):
            ports[service] = USUAL_PORTS[service]
        else:
            ports[service] = unused_port(taken=ports.values())
    for replica in range(1, replicas):
        for service in SERVICES:
            ports[f"{service}-{replica}"] = unused_port(taken=ports.values())
    return ports


_claimed: dict[int, IO[str]] = {}


def _claim(port: int) -> bool:
    """Whether the port is this process's to use: two shops that start at the same moment both find it free. The claim
    lasts as long as the process."""
    if port in _claimed:
        return True
    try:
        file = open(Path(tempfile.gettempdir()) / f"shop-port-{port}.lock", "w")  # noqa: SIM115 - stays open
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held by another shop, or the file is another user's
        return False
    _claimed[port] = file
    return True
