"""The mesh in containers follows the same rules as the embedded one, and the files say what the code says."""

import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from lab.mesh.bootstrap import Outbound, bootstrap
from lab.mesh.containers import FOLDER, OUTBOUND, configurations, written
from lab.mesh.envoy import find_envoy
from lab.mesh.settings import MeshSettings
from lab.mesh.sidecars import ASKS
from tests.house.tree import ROOT


@pytest.mark.parametrize("service", ASKS)
def test_the_files_are_what_the_code_writes(service: str) -> None:
    found = (FOLDER / f"{service}.json").read_bytes()
    assert found == written(configurations()[service]), "run: python -m lab.mesh.containers"


def test_the_rules_are_those_of_the_embedded_mesh() -> None:
    embedded = bootstrap(
        name="orders",
        admin=1,
        listen=2,
        service=3,
        outbound=[Outbound(peer, 4, (5,)) for peer in ASKS["orders"]],
        settings=MeshSettings(mesh_breaker=True, mesh_ejection_seconds=30),
    )
    assert _rules(configurations()["orders"]) == _rules(embedded)


def test_the_services_are_told_where_their_envoys_listen_for_them() -> None:
    services: Any = yaml.safe_load((ROOT / "docker-compose.kafka.yml").read_text())["services"]
    for service, peers in ASKS.items():
        told = services[f"mesh-{service}"]["environment"]
        asked = {f"SHOP_{peer.upper()}_URL": f"http://127.0.0.1:{OUTBOUND[peer]}" for peer in peers}
        assert {name: told[name] for name in told if name.endswith("_URL") and "DATABASE" not in name} == asked
        envoy = services[f"mesh-{service}-envoy"]
        assert envoy["networks"]["default"]["aliases"] == [f"mesh-{service}"]
        assert envoy["volumes"] == [f"./deploy/envoy/{service}.json:/etc/envoy/shop.json:ro"]


@pytest.mark.parametrize("service", ASKS)
def test_envoy_accepts_them(service: str, tmp_path: Path) -> None:
    command = [str(find_envoy().path), "--mode", "validate", "--config-path", str(FOLDER / f"{service}.json")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def _rules(config: dict[str, Any]) -> Any:
    """Clusters and routes without addresses and names."""
    text = orjson.loads(orjson.dumps(config["static_resources"]))
    for cluster in text["clusters"]:
        del cluster["type"], cluster["load_assignment"]
    routes = [one["filter_chains"] for one in text["listeners"]]
    return text["clusters"], routes
