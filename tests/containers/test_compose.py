"""The whole shop in containers: one command brings it up, an order goes through, and the three services agree."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from orders_svc.read_models import NAMES
from tests.containers.engine import ROOT, Compose, free_ports
from tests.waiting import eventually

SERVICES = ("orders", "products", "delivery")
PROCESSES = (*SERVICES, *NAMES)


@pytest.fixture(scope="module")
def shop(engine: None) -> Iterator[Compose]:
    names = ("SHOP_ORDERS_PORT", "SHOP_PRODUCTS_PORT", "SHOP_DELIVERY_PORT", "SHOP_KAFKA_PORT", "SHOP_POSTGRES_PORT")
    environment = dict(zip(names, map(str, free_ports(len(names))), strict=True))
    compose = Compose(f"shop-test-{secrets.token_hex(4)}", {**environment, "SHOP_IMAGE": "shop-events:test"})
    with compose.running():
        yield compose


async def test_an_order_goes_through_and_the_three_services_agree(shop: Compose) -> None:
    before = _get(f"{shop.url('products')}/products/2")

    order = await _place(shop, quantity=3)

    assert order["status"] == "confirmed"
    after = _get(f"{shop.url('products')}/products/2")
    assert after["stock"] == before["stock"] - 3
    deliveries = _get(f"{shop.url('delivery')}/deliveries?orderId={order['id']}")["items"]
    assert [(each["orderId"], each["state"], each["quantity"]) for each in deliveries] == [(order["id"], "started", 3)]


async def test_an_order_placed_while_products_is_down_is_confirmed_after_it_returns(shop: Compose) -> None:
    shop.run("kill", "--signal", "SIGKILL", "products")
    answer = _post(shop, _order())
    assert answer.status_code == 202, answer.text
    said = shop.shop("status", "--json")
    assert said.returncode == 1, said.stderr
    (dead,) = (one for one in json.loads(said.stdout)["processes"] if one["name"] == "products")
    assert (dead["state"], dead["exit_code"]) == ("killed (137)", 137)
    shop.run("up", "--detach", "--wait", "--no-deps", "products")

    assert (await _settled(shop, answer))["status"] == "confirmed"


async def test_whatever_dies_is_started_again_and_the_order_under_way_is_confirmed(shop: Compose) -> None:
    answer = _post(shop, _order())
    assert answer.status_code == 202, answer.text
    victims = ("kafka", "postgres", *SERVICES, "product-copy")
    for victim in victims:
        shop.kill_inside(victim)

    def is_back() -> bool:
        said = shop.shop("status", "--json")
        if said.returncode != 0:
            return False
        processes = {one["name"]: one for one in json.loads(said.stdout)["processes"]}
        return all(processes[name]["restarts"] > 0 for name in victims)

    await eventually(is_back, within=180, every=1)
    assert (await _settled(shop, answer))["status"] == "confirmed"
    audit = shop.shop("audit", "--deadline", "60")
    assert audit.returncode == 0, audit.stdout + audit.stderr


async def test_the_shop_command_works_with_it(shop: Compose) -> None:
    """What `shop status` and `shop audit` say of it is in the tests around."""
    order = shop.shop("order", "MASK", "--quantity", "2", "--json")
    assert order.stdout, order.stderr
    number = json.loads(order.stdout)["answer"]["id"]  # on a slow machine it is pending yet

    def journey() -> bool:
        lines = shop.shop("events", "--order", number, "--json").stdout.splitlines()
        names = [json.loads(line)["type"].split(".")[-2] for line in lines]
        return names == ["OrderPlaced", "StockReserved", "DeliveryStarted", "OrderConfirmed"]

    await eventually(journey, within=60, every=1)
    load = shop.shop("load", "--rate", "20", "--seconds", "2", "--json")
    assert json.loads(load.stdout)["check"]["adds_up"], load.stderr
    for command in (("dead-letters", "list"), ("replay", "product-copy", "--check")):
        done = shop.shop(*command)
        assert done.returncode == 0, done.stdout + done.stderr


async def test_the_audit_of_it_is_clean(shop: Compose) -> None:
    await _place(shop, quantity=2)
    audit = _audit_by_their_own_logins(shop)
    assert audit.returncode == 0, audit.stdout + audit.stderr


async def test_what_was_stored_survives_down_and_up(shop: Compose) -> None:
    order = await _place(shop, quantity=1)
    shop.run("down", "--timeout", "20", timeout=180)
    shop.run("up", "--detach", "--wait", "--wait-timeout", "240", timeout=300)
    assert _get(f"{shop.url('orders')}/orders/{order['id']}") == order
    assert (await _place(shop, quantity=1))["status"] == "confirmed"


@pytest.mark.parametrize(
    ("role", "database"), [("orders", "products"), ("products", "delivery"), ("delivery", "orders")]
)
def test_a_service_cannot_enter_another_ones_database(shop: Compose, role: str, database: str) -> None:
    url = f"postgresql://{role}:laptop-{role}@postgres:5432/{database}"
    with pytest.raises(AssertionError, match="permission denied for database"):
        shop.run("exec", "--no-TTY", "postgres", "psql", url, "--command", "select 1")


def test_the_lab_reads_every_database_and_writes_none(shop: Compose) -> None:
    url = "postgresql://orders_auditor:laptop-audit@postgres:5432/orders"
    assert "(1 row)" in shop.run(
        "exec", "--no-TTY", "postgres", "psql", url, "--command", "select count(*) from orders"
    )
    with pytest.raises(AssertionError, match=r"permission denied|read-only transaction"):
        shop.run("exec", "--no-TTY", "postgres", "psql", url, "--command", "delete from orders")


def test_everything_is_bound_to_loopback_and_ours_run_without_root(shop: Compose) -> None:
    identifiers = shop.run("ps", "--quiet").split()
    inspected = json.loads(subprocess.check_output(["docker", "inspect", *identifiers], text=True))
    addresses = {
        binding["HostIp"]
        for container in inspected
        for bindings in container["NetworkSettings"]["Ports"].values()
        for binding in bindings or ()
    }
    assert addresses == {"127.0.0.1"}
    ours = [container for container in inspected if container["Config"]["Image"] == "shop-events:test"]
    assert len(ours) == len(PROCESSES)
    for container in ours:
        assert container["Config"]["User"] == "10001"
        assert container["HostConfig"]["ReadonlyRootfs"] is True


def test_services_stop_cleanly_when_told(shop: Compose) -> None:
    """Last in this file: it stops the services. 0 is the exit code of a drained process, 137 that of a killed one."""
    shop.run("stop", "--timeout", "20", *PROCESSES, timeout=120)
    states = [json.loads(line) for line in shop.run("ps", "--all", "--format", "json").splitlines()]
    codes = {state["Service"]: state["ExitCode"] for state in states if state["Service"] in PROCESSES}
    assert codes == dict.fromkeys(PROCESSES, 0)


def _audit_by_their_own_logins(shop: Compose) -> subprocess.CompletedProcess[str]:
    port = shop.environment["SHOP_POSTGRES_PORT"]
    urls = {
        f"SHOP_AUDIT_{service.upper()}_URL": f"postgresql://{service}_auditor:laptop-audit@127.0.0.1:{port}/{service}"
        for service in SERVICES
    }
    return subprocess.run(
        [sys.executable, "-m", "lab", "audit"],
        cwd=ROOT,
        env={**os.environ, **urls},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _order(quantity: int = 1) -> dict[str, Any]:
    return {
        "productId": 2,
        "quantity": quantity,
        "customerId": "compose",
        "customerName": "Compose",
        "address": "1 Container Street",
    }


async def _place(shop: Compose, *, quantity: int) -> dict[str, Any]:
    """The order as orders shows it after it has settled."""
    answer = _post(shop, _order(quantity), prefer="wait=20")
    assert answer.status_code in (201, 202), answer.text
    return await _settled(shop, answer)


async def _settled(shop: Compose, answer: httpx.Response) -> dict[str, Any]:
    """The order of that answer, once it is not pending any more. After a crash that takes as long as its consumers'
    groups take to give up the processes that died."""

    def found() -> dict[str, Any]:
        order = _get(f"{shop.url('orders')}{answer.headers['location']}")
        return {} if order["status"] == "pending" else order

    return await eventually(found, within=90, every=0.2)


def _post(shop: Compose, order: dict[str, Any], *, prefer: str = "") -> httpx.Response:
    return httpx.post(f"{shop.url('orders')}/orders", json=order, headers={"Prefer": prefer}, timeout=30)


def _get(url: str) -> dict[str, Any]:
    answer = httpx.get(url, timeout=10)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body
