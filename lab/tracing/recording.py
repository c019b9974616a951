"""Having the processes of a shop write their spans, and knowing afterwards whose addresses stand in them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lab.running.layout import SERVICES, Layout


def recording(layout: Layout, file: Path) -> Layout:
    """The same shop, whose services write the spans of sampled traces into that one file."""
    told = {service: {**layout.told.get(service, {}), "SHOP_TRACE_FILE": str(file)} for service in SERVICES}
    return replace(layout, told={**layout.told, **told})


def peers(layout: Layout) -> Mapping[str, str]:
    """Address -> the service that is reached there, also through a sidecar of the one who asks."""
    found = {layout.http(process): process.partition("-")[0] for process in layout.ports}
    for ports in layout.sidecars.values():
        found |= {f"http://127.0.0.1:{port}": service for service, port in ports.items() if service in SERVICES}
    return found
