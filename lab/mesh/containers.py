"""The sidecars of the mesh in containers: ``python -m lab.mesh.containers`` writes their configurations to
``deploy/envoy``, by the same translation of the rules as the sidecars of ``shop up``.

A service and its Envoy share a network, as in a pod: the service listens on its loopback, the Envoy takes requests in
at the network's address, under the service's name.
"""

from pathlib import Path

import orjson

import lab
from lab.mesh.bootstrap import Outbound, bootstrap
from lab.mesh.policy import Json
from lab.mesh.settings import MeshSettings
from lab.mesh.sidecars import ASKS

FOLDER = Path(lab.__file__).resolve().parents[1] / "deploy" / "envoy"
INBOUND, ITSELF, ADMIN = 8080, 8000, 9901
OUTBOUND = {"products": 9001, "delivery": 9002}
"""Where a service finds the others, on its own loopback. docker-compose.kafka.yml tells the services so."""


def configurations() -> dict[str, Json]:
    """Service -> what its Envoy is told. The rules are the defaults (``MeshSettings`` without an environment)."""
    settings = MeshSettings(mesh_breaker=True, mesh_ejection_seconds=30)
    return {
        service: bootstrap(
            name=f"mesh-{service}",
            admin=ADMIN,
            listen=INBOUND,
            service=ITSELF,
            outbound=[Outbound(peer, OUTBOUND[peer], (INBOUND,), at=f"mesh-{peer}") for peer in peers],
            settings=settings,
            open_to="0.0.0.0",
        )
        for service, peers in ASKS.items()
    }


def written(config: Json) -> bytes:
    """As it stands in its file."""
    return orjson.dumps(config, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for service, config in configurations().items():
        (FOLDER / f"{service}.json").write_bytes(written(config))


if __name__ == "__main__":
    main()
