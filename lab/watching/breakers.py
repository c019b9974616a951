"""Circuit breakers as the services show them in their metrics, and promises as orders' database has them."""

from collections.abc import Iterator, Mapping
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from lab.audit.promises import BROKEN
from lab.running.layout import Layout

STATE = "calls_breaker_state"

_PROMISES = f"""
    SELECT count(*) FILTER (WHERE status = 'pending') AS open,
           count(*) FILTER (WHERE status IN ('confirmed', 'cancelling')) AS kept,
           count(*) FILTER (WHERE {BROKEN}) AS broken
    FROM orders WHERE promised_at IS NOT NULL"""

Breakers = Mapping[str, Mapping[str, str]]
"""Process (``orders``, ``orders-1``, ...) -> peer -> ``closed``, ``open`` or ``half_open``."""


async def breakers(layout: Layout, *, patience: float = 3.0) -> dict[str, dict[str, str]]:
    """Of every process that answers within ``patience`` seconds; one that does not is reported as not ready anyway."""
    found: dict[str, dict[str, str]] = {}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=patience)) as session:
        for process in layout.ports:
            try:
                async with session.get(f"{layout.itself(process)}/metrics") as response:
                    states = states_in(await response.text())
            except (aiohttp.ClientError, TimeoutError, OSError):
                continue
            if states:
                found[process] = states
    return found


def states_in(metrics: str) -> dict[str, str]:
    """Peer -> state, from the text of a service's ``/metrics``."""
    about = "\n".join(line for line in metrics.splitlines() if STATE in line)  # the parser is slow on hundreds of lines
    return {
        sample.labels["link"]: sample.labels["state"]
        for family in text_string_to_metric_families(about)
        for sample in family.samples
        if sample.name == STATE and sample.value == 1
    }


async def promises(orders: Any) -> dict[str, int]:
    """How many orders were accepted without delivery's answer: ``open``, ``kept`` and ``broken`` ones. One that its
    customer cancelled is none of them. ``orders`` is a connection to orders' database."""
    row = await orders.fetchrow(_PROMISES)
    return dict(row.items())


def links(found: Breakers) -> Iterator[tuple[str, str]]:
    """Each link in words, and the state of its circuit."""
    for process, states in found.items():
        for peer, state in states.items():
            yield f"{process} to {peer}", state.replace("_", "-")


def open_circuits(found: Breakers) -> Iterator[tuple[str, str]]:
    return ((link, state) for link, state in links(found) if state != "closed")
