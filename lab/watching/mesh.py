"""What the sidecars of wiring ``chain-mesh`` say about the services they ask: from Envoy's admin interface."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp

from lab.running.layout import SERVICES, Layout

_STATS = {
    "hosts": "membership_total",
    "ejected": "outlier_detection.ejections_active",
    "ejections": "outlier_detection.ejections_enforced_total",
    "overflowed": "upstream_rq_pending_overflow",
    "without_host": "upstream_cx_none_healthy",
}


@dataclass(frozen=True)
class Upstream:
    """A service as one sidecar sees it: of its ``hosts`` so many are ``ejected`` now, and were since the sidecar
    started (``ejections``). Requests that the sidecar answered by itself with 503: ``overflowed``, because too many
    were under way, and ``without_host``, because all hosts were ejected."""

    hosts: int
    ejected: int
    ejections: int
    overflowed: int
    without_host: int


async def mesh(layout: Layout, *, patience: float = 3.0) -> dict[str, dict[str, dict[str, int]]]:
    """Process -> service it asks -> the fields of Upstream; without the sidecars that do not answer within ``patience``
    seconds."""
    found = {}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=patience)) as session:
        for process, ports in layout.sidecars.items():
            try:
                stats = await sidecar_stats(session, ports["admin"])
            except (aiohttp.ClientError, TimeoutError, OSError):
                continue
            asked = [service for service in SERVICES if service in ports]
            found[process] = {service: asdict(upstream(stats, service)) for service in asked}
    return found


async def sidecar_stats(session: aiohttp.ClientSession, admin: int) -> dict[str, int]:
    """All counters and gauges of a sidecar. Raises aiohttp.ClientError, TimeoutError."""
    async with session.get(f"http://127.0.0.1:{admin}/stats") as response:
        lines = (await response.text()).splitlines()
    return {line.rpartition(": ")[0]: int(line.rpartition(": ")[2]) for line in lines if re.fullmatch(r".*: \d+", line)}


def upstream(stats: Mapping[str, int], service: str) -> Upstream:
    """Envoy shows no statistics of outlier detection where there is none: they count as 0."""
    return Upstream(**{name: stats.get(f"cluster.{service}.{stat}", 0) for name, stat in _STATS.items()})


def links(found: Mapping[str, Mapping[str, Mapping[str, int]]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each link in words, and what its sidecar says."""
    for process, services in found.items():
        for service, seen in services.items():
            yield f"{process} to {service}", seen


def ejections(found: Mapping[str, Mapping[str, Mapping[str, int]]]) -> Iterator[str]:
    """In words, the links on which a host is ejected at the moment."""
    for link, seen in links(found):
        if seen["ejected"]:
            yield f"the mesh has ejected {seen['ejected']} of {seen['hosts']} hosts on the link of {link}"
