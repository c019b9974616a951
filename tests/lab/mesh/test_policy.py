"""What the sidecars are told: the rules of ``deploy/istio`` in Envoy's terms, checked by Envoy itself."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.mesh.bootstrap import Outbound, bootstrap
from lab.mesh.envoy import find_envoy
from lab.mesh.settings import MeshSettings
from lab.mesh.sidecars import ensure_mesh
from lab.running.errors import ShopError
from tests.deploy.test_istio import manifest

LINKS = (Outbound("products", 25004, (25005, 25006)), Outbound("delivery", 25007, (25008,)))


def sidecar(**settings: Any) -> dict[str, Any]:
    told = MeshSettings(**settings)
    return bootstrap(name="orders", admin=25001, listen=25002, service=25003, outbound=LINKS, settings=told)


def cluster(config: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (one for one in config["static_resources"]["clusters"] if one["name"] == name)
    return dict(found)


def route(config: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (one for one in config["static_resources"]["listeners"] if one["name"] == name)
    hosts = found["filter_chains"][0]["filters"][0]["typed_config"]["route_config"]["virtual_hosts"]
    return dict(hosts[0]["routes"][0]["route"])


def addresses(config: Any) -> Iterator[dict[str, Any]]:
    """Every socket address anywhere in it."""
    if isinstance(config, dict):
        if "socket_address" in config:
            yield config["socket_address"]
        config = list(config.values())
    if isinstance(config, list):
        for part in config:
            yield from addresses(part)


@pytest.mark.parametrize("breaker", [True, False])
def test_envoy_accepts_it(tmp_path: Path, breaker: bool) -> None:
    file = tmp_path / "envoy.json"
    file.write_text(json.dumps(sidecar(mesh_breaker=breaker)))

    checked = subprocess.run(
        [find_envoy().path, "--mode", "validate", "-c", file], capture_output=True, text=True, timeout=60
    )

    assert checked.returncode == 0, checked.stderr
    assert "deprecated" not in checked.stderr


def test_products_has_the_limits_of_the_destination_rule() -> None:
    pool = manifest("destination-rule.yaml")["spec"]["trafficPolicy"]["connectionPool"]
    products = cluster(sidecar(), "products")
    (limits,) = products["circuit_breakers"]["thresholds"]
    (protocol,) = products["typed_extension_protocol_options"].values()

    assert limits["max_connections"] == pool["tcp"]["maxConnections"]
    assert limits["max_pending_requests"] == pool["http"]["http1MaxPendingRequests"]
    assert limits["max_retries"] == pool["http"]["maxRetries"]
    kept = protocol["common_http_protocol_options"]["max_requests_per_connection"]
    assert kept == pool["http"]["maxRequestsPerConnection"]


def test_a_host_of_products_is_ejected_as_the_destination_rule_says_for_30_s() -> None:
    rule = manifest("destination-rule.yaml")["spec"]["trafficPolicy"]["outlierDetection"]
    products = cluster(sidecar(), "products")
    detection = products["outlier_detection"]

    assert detection["consecutive_5xx"] == rule["consecutive5xxErrors"]
    assert detection["interval"] == rule["interval"]
    assert detection["base_ejection_time"] == rule["baseEjectionTime"] == "30s"
    assert detection["max_ejection_percent"] == rule["maxEjectionPercent"]
    assert products["common_lb_config"] == {"healthy_panic_threshold": {"value": 0}}


def test_requests_to_products_wait_and_are_repeated_as_the_virtual_service_says() -> None:
    (rule,) = manifest("virtual-service.yaml")["spec"]["http"]
    products = route(sidecar(), "products")

    assert products["timeout"] == rule["timeout"]
    assert products["retry_policy"]["num_retries"] == rule["retries"]["attempts"]
    assert products["retry_policy"]["per_try_timeout"] == rule["retries"]["perTryTimeout"]
    assert products["retry_policy"]["retry_on"] == rule["retries"]["retryOn"]


def test_nothing_is_repeated_that_the_service_may_have_seen() -> None:
    seen = {"5xx", "gateway-error", "reset", "retriable-status-codes", "retriable-4xx"}
    for listener in ("inbound", "products", "delivery"):
        assert not seen & set(route(sidecar(), listener)["retry_policy"]["retry_on"].split(","))


def test_without_the_breaker_products_is_a_service_without_a_destination_rule() -> None:
    open_mesh = sidecar(mesh_breaker=False)

    without_name = {**cluster(open_mesh, "products"), "name": "", "load_assignment": None}
    assert without_name == {**cluster(open_mesh, "delivery"), "name": "", "load_assignment": None}
    assert "outlier_detection" not in without_name


def test_everything_is_on_the_loopback_the_admin_too() -> None:
    assert {address["address"] for address in addresses(sidecar())} == {"127.0.0.1"}


@pytest.mark.parametrize("written", ["off", "false", "0"])
def test_the_environment_takes_the_breaker_away(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("SHOP_MESH_BREAKER", written)
    assert MeshSettings().mesh_breaker is False


@pytest.mark.parametrize(
    ("variable", "value"),
    [("SHOP_MESH_BREAKER", "maybe"), ("SHOP_MESH_EJECTION_SECONDS", "-1"), ("SHOP_MESH_EJECTION_SECONDS", "nan")],
)
def test_a_setting_that_is_none_is_named_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ShopError, match=f"{variable}={value}"):
        ensure_mesh()
