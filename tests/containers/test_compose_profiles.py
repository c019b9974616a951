"""The synchronous variants beside the shop in containers, the command that compares them, and a container of its own
for that command."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.containers.engine import ROOT, Compose, free_ports
from tests.waiting import eventually

pytestmark = pytest.mark.campaign

PORTS = (
    *("SHOP_ORDERS_PORT", "SHOP_PRODUCTS_PORT", "SHOP_DELIVERY_PORT", "SHOP_KAFKA_PORT", "SHOP_POSTGRES_PORT"),
    *(f"SHOP_{which}_{service}_PORT" for which in ("CHAIN", "MESH") for service in ("ORDERS", "PRODUCTS", "DELIVERY")),
    *(f"SHOP_MESH_{service}_ADMIN_PORT" for service in ("ORDERS", "PRODUCTS", "DELIVERY")),
)


@pytest.fixture(scope="module")
def shops(engine: None) -> Iterator[Compose]:
    ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
    images = {"SHOP_IMAGE": "shop-events:test", "SHOP_LAB_IMAGE": "shop-events-lab:test"}
    profiles = {"COMPOSE_PROFILES": "chain,mesh"}
    compose = Compose(f"shop-test-{secrets.token_hex(4)}", ports | images | profiles)
    with compose.running("--profile", "*", build=900, patience=400):
        yield compose


@pytest.mark.parametrize("which", ["on", "chain", "mesh"])
def test_each_of_them_is_well_takes_an_order_and_adds_up(shops: Compose, which: str) -> None:
    status = shops.shop("status", "--json", compose=which)
    assert status.returncode == 0, status.stdout + status.stderr
    order = shops.shop("order", "MASK", "--json", compose=which)
    assert json.loads(order.stdout)["status"] in (201, 202), order.stdout + order.stderr
    audit = shops.shop("audit", compose=which)
    assert audit.returncode == 0, audit.stdout + audit.stderr


def test_they_know_nothing_of_each_other(shops: Compose) -> None:
    before = [_orders(shops, which) for which in ("on", "chain", "mesh")]
    assert shops.shop("order", "MASK", compose="chain").returncode == 0
    after = [_orders(shops, which) for which in ("on", "chain", "mesh")]
    assert [new - old for old, new in zip(before, after, strict=True)] == [0, 1, 0]


async def test_all_three_are_compared_with_a_fault_that_is_undone(shops: Compose, tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    done = shops.shop(
        *("compare", "--quick", "--wirings", "events,chain,chain-mesh", "--scenario", "healthy,products-down"),
        *("--rate", "20", "--json", str(file)),
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(file.read_bytes())
    rounds = {(one["scenario"], one["wiring"]): one for one in document["rounds"]}
    assert len(rounds) == 6
    for wiring in ("events", "chain", "chain-mesh"):
        healthy, down = rounds["healthy", wiring], rounds["products-down", wiring]
        assert healthy["load"]["accepted"] > 0
        assert healthy["audit"]["findings"] == 0
        (fault,) = down["faults"]
        assert (fault["kind"], fault["target"]) == ("kill", "products")
        assert fault["ended_at"] > fault["began_at"]
        assert sum(down["series"]["offered"]) == down["load"]["offered"]
    assert max(lag or 0 for lag in rounds["products-down", "events"]["series"]["lag"]) > 0
    assert rounds["products-down", "chain-mesh"]["series"]["circuits"].keys() >= {"orders->products"}
    assert rounds["products-down", "events"]["audit"]["findings"] == 0
    # The engine calls a container healthy when its check has passed once, some seconds after the service is ready.
    await eventually(lambda: all(shops.shop("status", compose=one).returncode == 0 for one in ("on", "chain")), every=1)


def test_the_lab_compares_from_inside(shops: Compose) -> None:
    reports = ROOT / "reports"
    reports.mkdir(exist_ok=True)
    before = set(reports.rglob("*.json"))
    environment = dict(shops.environment) | {"SHOP_LAB_USER": f"{reports.stat().st_uid}:{reports.stat().st_gid}"}
    inside = Compose(shops.project, environment)
    compare = ("compare", "--quick", "--scenario", "healthy", "--rate", "20")
    inside.run("--profile", "*", "run", "--rm", "--no-TTY", "lab", *compare, timeout=400)
    (file,) = set(reports.rglob("*.json")) - before
    rounds = json.loads(file.read_bytes())["rounds"]
    assert {one["wiring"] for one in rounds} == {"events", "chain"}
    assert all(one["load"]["accepted"] for one in rounds)


def _orders(shops: Compose, which: str) -> int:
    found: dict[str, Any] = json.loads(shops.shop("status", "--json", compose=which).stdout)
    return sum(found["orders"].values())
