"""The Envoy beside each process of a service: its ports, its process, and what the service is told because of it."""

from collections.abc import Mapping

import orjson

from lab.backends.ports import unused_port
from lab.mesh.bootstrap import Outbound, bootstrap
from lab.mesh.envoy import find_envoy
from lab.mesh.settings import mesh_settings
from lab.running.layout import Layout
from lab.supervision import ProcessSpec

ASKS = {"orders": ("products", "delivery"), "products": (), "delivery": ("products",)}
_SUFFIX = "-envoy"


def ensure_mesh() -> None:
    """Better heard before anything is started. Raises NoEnvoy, and ShopError for a setting that is none."""
    find_envoy()
    mesh_settings()


def sidecar_ports(ports: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """For each process in ``ports``: ``admin`` of its Envoy, ``service`` where the process itself listens, and one port
    for each service it asks. The process's own entry in ``ports`` becomes its Envoy's."""
    taken = set(ports.values())
    found: dict[str, dict[str, int]] = {}
    for process in ports:
        found[process] = {}
        for use in ("admin", "service", *ASKS[_service(process)]):
            found[process][use] = unused_port(taken=taken)
            taken.add(found[process][use])
    return found


def sidecar_specs(layout: Layout) -> list[ProcessSpec]:
    """One Envoy for each process of a service; none where the wiring has no mesh. Raises NoEnvoy."""
    return [sidecar_spec(layout, process) for process in layout.sidecars]


def sidecar_spec(layout: Layout, process: str) -> ProcessSpec:
    """One thread, because Envoy grants each of its threads a connection beyond the limit. The configuration is in the
    arguments; the admin's ``/config_dump`` shows it."""
    ports = layout.sidecars[process]
    config = bootstrap(
        name=process,
        admin=ports["admin"],
        listen=layout.ports[process],
        service=ports["service"],
        outbound=[Outbound(peer, ports[peer], _replicas(layout, peer)) for peer in ASKS[_service(process)]],
        settings=mesh_settings(),
    )
    text = orjson.dumps(config).decode()
    return ProcessSpec(
        name=process + _SUFFIX,
        argv=[
            str(find_envoy().path),
            *("--config-yaml", text),  # JSON is YAML
            *("--concurrency", "1"),
            *("--log-level", "warning"),
            "--disable-hot-restart",
        ],
        ready=f"http://127.0.0.1:{ports['admin']}/ready",
        port=layout.ports[process],
    )


def addresses(layout: Layout, process: str) -> dict[str, str]:
    """What the process is told in its environment instead of where the others are."""
    ports = layout.sidecars[process]
    asked = {f"SHOP_{peer.upper()}_URL": f"http://127.0.0.1:{ports[peer]}" for peer in ASKS[_service(process)]}
    return {"SHOP_PORT": str(ports["service"]), **asked}


def is_sidecar(process: str) -> bool:
    return process.endswith(_SUFFIX)


def _service(process: str) -> str:
    """``orders`` of ``orders-1``."""
    return process.partition("-")[0]


def _replicas(layout: Layout, service: str) -> tuple[int, ...]:
    return tuple(port for process, port in layout.ports.items() if _service(process) == service)
