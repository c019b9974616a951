"""The configuration of one sidecar: what comes to its service, and what its service asks others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lab.mesh.policy import Json, connection_pool, inbound, outlier_detection, patience, typed, unlimited
from lab.mesh.settings import MeshSettings

GUARDED = "products"
"""The service that the lab's DestinationRule and VirtualService are about."""
ITSELF = "itself"
"""The cluster that is the service beside the sidecar."""
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Outbound:
    """What the service asks of a peer: it calls ``listen`` on the loopback, ``hosts`` are the ports of the peer's
    sidecars, on ``at``: an address, or a name, which is looked up again every few seconds."""

    peer: str
    listen: int
    hosts: tuple[int, ...]
    at: str = LOOPBACK


def bootstrap(
    *,
    admin: int,
    listen: int,
    service: int,
    outbound: Iterable[Outbound],
    settings: MeshSettings,
    name: str,
    open_to: str = LOOPBACK,
) -> Json:
    """``listen`` is where the service is asked by others, ``service`` where it listens itself. Everything listens on
    127.0.0.1; ``listen`` and ``admin`` on ``open_to``, where that is another address."""
    links = tuple(outbound)
    return {
        "node": {"id": name, "cluster": "shop"},
        "admin": {"address": _address(admin, open_to)},
        "static_resources": {
            "listeners": [
                _listener("inbound", listen, {"cluster": ITSELF, **inbound()}, open_to),
                *(_listener(link.peer, link.listen, _route(link.peer)) for link in links),
            ],
            "clusters": [
                _cluster(ITSELF, (service,), unlimited()),
                *(_cluster(link.peer, link.hosts, _policy(link.peer, settings), link.at) for link in links),
            ],
        },
    }


def _route(peer: str) -> Json:
    """Without a VirtualService: Istio's defaults."""
    rule = patience() if peer == GUARDED else patience(timeout=0, attempts=2, per_try_timeout=0)
    return {"cluster": peer, **rule}


def _policy(peer: str, settings: MeshSettings) -> Json:
    if peer != GUARDED or not settings.mesh_breaker:
        return unlimited()
    return {**connection_pool(), **outlier_detection(ejection_seconds=settings.mesh_ejection_seconds)}


def _cluster(name: str, ports: Iterable[int], policy: Mapping[str, object], at: str = LOOPBACK) -> Json:
    endpoints = [{"endpoint": {"address": _address(port, at)}} for port in ports]
    return {
        "name": name,
        "type": "STATIC" if at == LOOPBACK else "STRICT_DNS",
        "connect_timeout": "10s",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        **policy,
    }


def _listener(name: str, port: int, route: Json, on: str = LOOPBACK) -> Json:
    connections = {
        **typed("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": name,
        "server_header_transformation": "PASS_THROUGH",
        "route_config": {
            "name": name,
            "virtual_hosts": [
                {"name": name, "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": route}]},
            ],
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": typed("envoy.extensions.filters.http.router.v3.Router"),
            }
        ],
    }
    manager = {"name": "envoy.filters.network.http_connection_manager", "typed_config": connections}
    return {"name": name, "address": _address(port, on), "filter_chains": [{"filters": [manager]}]}


def _address(port: int, host: str = LOOPBACK) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}
