"""Which sidecars a shop has, and what the services are told because of them."""

import json
from typing import Any

from kit.settings import Wiring
from lab.comparing.accounting import cpu_figures
from lab.comparing.overrides import overrides
from lab.mesh.sidecars import sidecar_ports
from lab.running.cpu import CpuUse
from lab.running.layout import Layout
from lab.running.specs import shop_specs
from lab.supervision import ProcessSpec

PORTS = {"orders": 1, "products": 2, "delivery": 3, "orders-1": 4, "products-1": 5, "delivery-1": 6}


def shop(wiring: Wiring = "chain-mesh") -> tuple[Layout, dict[str, ProcessSpec]]:
    """Two processes of each service."""
    layout = Layout(
        name="shop",
        wiring=wiring,
        topic_prefix="shop",
        kafka="127.0.0.1:9",
        admin="postgresql://admin:secret@127.0.0.1/postgres",
        secret="secret",
        ports=PORTS,
        replicas=2,
        sidecars=sidecar_ports(PORTS) if wiring == "chain-mesh" else {},
    )
    return layout, {spec.name: spec for spec in shop_specs(layout)}


def hosts(spec: ProcessSpec, cluster: str) -> set[int]:
    """The ports that this sidecar sends the cluster's requests to."""
    config: Any = json.loads(spec.argv[spec.argv.index("--config-yaml") + 1])
    (found,) = (one for one in config["static_resources"]["clusters"] if one["name"] == cluster)
    (group,) = found["load_assignment"]["endpoints"]
    return {host["endpoint"]["address"]["socket_address"]["port_value"] for host in group["lb_endpoints"]}


def test_every_process_of_a_service_has_a_sidecar_of_its_own_and_ports_that_nobody_else_has() -> None:
    layout, specs = shop()
    chosen = [port for ports in layout.sidecars.values() for port in ports.values()]

    assert set(specs) == {name for process in PORTS for name in (process, f"{process}-envoy")}
    assert len({*chosen, *PORTS.values()}) == len(chosen) + len(PORTS)


def test_sidecars_start_first_so_that_they_are_stopped_last() -> None:
    names = list(shop()[1])
    assert [name.endswith("-envoy") for name in names] == [True] * 6 + [False] * 6


def test_a_service_asks_its_own_sidecar_which_asks_the_sidecars_of_all_replicas() -> None:
    layout, specs = shop()

    for process in ("orders", "orders-1"):
        ports = layout.sidecars[process]
        assert specs[process].env["SHOP_PRODUCTS_URL"] == f"http://127.0.0.1:{ports['products']}"
        assert specs[process].env["SHOP_DELIVERY_URL"] == f"http://127.0.0.1:{ports['delivery']}"
        assert hosts(specs[f"{process}-envoy"], "products") == {2, 5}
        assert hosts(specs[f"{process}-envoy"], "delivery") == {3, 6}


def test_requests_for_a_process_come_to_its_sidecar_which_hands_them_to_this_process_only() -> None:
    layout, specs = shop()
    own = layout.sidecars["delivery-1"]["service"]

    assert specs["delivery-1"].env["SHOP_PORT"] == str(own)
    assert hosts(specs["delivery-1-envoy"], "itself") == {own}
    assert layout.http("delivery-1") == "http://127.0.0.1:6"


def test_no_other_wiring_has_sidecars() -> None:
    layout, specs = shop("chain")
    assert [name for name in specs if "envoy" in name] == []
    assert layout.itself("orders") == layout.http("orders")


def test_what_the_sidecars_burn_is_part_of_the_cpu_of_an_order() -> None:
    use = CpuUse(by_name={"services": 1.0, "sidecars": 0.5, "database": 0.5, "kafka": 9.0}, foreign=0.0, wall=10.0)

    figures = cpu_figures(use, generator_seconds=0.0, settled=100, events=False)

    assert figures["per_settled_ms"] == 20.0
    assert figures["seconds"]["sidecars"] == 0.5


def test_a_comparison_tells_that_the_breaker_was_off() -> None:
    assert overrides({"SHOP_MESH_BREAKER": "off"}) == {"SHOP_MESH_BREAKER": "off"}
