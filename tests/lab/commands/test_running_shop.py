"""The commands on a shop that runs, in the order in which a person would use them."""

from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from lab.backends import Addresses
from lab.running.layout import SERVICES, running_shop
from lab.supervision import Home, read_state
from tests.lab.commands.command_line import CommandLine


@pytest.fixture(scope="module", params=["events", "chain"])
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, addresses: Addresses
) -> Iterator[CommandLine]:
    line = CommandLine(tmp_path_factory.mktemp("shop") / "home", addresses)
    held = ["--hold-transaction"] if request.param == "chain" else []
    up = line.json("up", "--wiring", request.param, "--detach", "--replicas", "2", *held)
    yield replace(line, up=up)
    assert line.json("down") == {"ran": True, "ended_by_force": [], "removed": []}
    assert read_state(Home(line.home)) is None
    assert line.run("down", "--wipe").returncode == 0
    assert not line.home.exists()


def is_events(shop: CommandLine) -> bool:
    return running_shop(Home(shop.home)).wiring == "events"


def test_up_tells_machines_where_everything_is(shop: CommandLine) -> None:
    layout, state = running_shop(Home(shop.home)), read_state(Home(shop.home))
    assert state is not None
    assert shop.up["wiring"] == layout.wiring
    assert shop.up["services"] == {service: layout.http(service) for service in SERVICES}
    told = {name: (process["pid"], process["port"]) for name, process in shop.up["processes"].items()}
    assert told == {process.name: (process.pid, process.port) for process in state.processes}
    assert "***" in shop.up["databases"]["orders"]


def test_the_chain_holds_its_transaction_when_asked_to(shop: CommandLine) -> None:
    layout = running_shop(Home(shop.home))
    state = read_state(Home(shop.home))
    assert state is not None
    (orders,) = (process for process in state.processes if process.name == "orders")
    assert layout.hold_transaction != is_events(shop)
    told = psutil.Process(orders.pid).environ().get("SHOP_HOLD_TRANSACTION")
    assert told == (None if is_events(shop) else "true")


def test_an_order_by_name_is_confirmed(shop: CommandLine) -> None:
    done = shop.run("order", "mask", "--quantity", "2")
    assert done.returncode == 0, done.stderr
    assert "2 x MASK for 400.00: confirmed" in done.stdout


def test_an_order_can_be_watched_through_the_three_services(shop: CommandLine) -> None:
    journey = shop.json("order", "2", "--watch")
    assert {step["who"] for step in journey["steps"]} == {"orders", "products", "delivery"}
    times = [step["at"] for step in journey["steps"]]
    assert times == sorted(times)
    if is_events(shop):
        names = [step["what"] for step in journey["steps"]]
        assert sorted(names) == ["DeliveryStarted", "OrderConfirmed", "OrderPlaced", "StockReserved"]
        assert names[0] == "OrderPlaced"
        assert journey["status"] == 202
    text = shop.run("order", "2", "--watch").stdout
    assert "POST /orders" in text
    assert "step ms" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["order", "BICYCLE"], "there is no product 'BICYCLE'"),
        (["order", "999"], "999"),
        (["up"], "already running"),
    ],
)
def test_what_cannot_be_done_is_said(shop: CommandLine, arguments: list[str], said: str) -> None:
    done = shop.run(*arguments)
    assert done.returncode == 1
    assert said in done.stderr


def test_status_knows_everything(shop: CommandLine) -> None:
    found = shop.json("status")
    running = {process["name"]: process for process in found["processes"]}
    expected = {name for service in SERVICES for name in (service, f"{service}-1")}
    expected |= {"product-copy"} if is_events(shop) else set()
    assert running.keys() == expected
    assert all(process["state"] == "ready" and process["memory_mib"] > 10 for process in running.values())
    assert found["ready"] == {name: {} for name in expected}, "every replica is asked, and the worker"
    assert found["alarms"] == []
    assert shop.run("status").returncode == 0
    assert found["unreachable"] == {}
    if is_events(shop):
        assert {one["consumer"] for one in found["consumers"]} == {"orders", "products", "delivery", "product-copy"}
        assert found["product_copy"]["products"] == 5
    assert "orders" in shop.run("status").stdout


def test_the_audit_is_clean(shop: CommandLine) -> None:
    done = shop.run("audit")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything adds up" in done.stdout
    assert shop.json("audit")["clean"]


def test_the_audit_also_takes_the_addresses_of_any_shop(shop: CommandLine) -> None:
    layout = running_shop(Home(shop.home))
    urls = [f"--{service}-db={layout.auditor_url(service)}" for service in ("orders", "products", "delivery")]
    told = shop.json("audit", *urls, "--wiring", layout.wiring)
    assert told["clean"]
    rules = {check["rule"] for check in told["checks"]}
    assert ("outboxes empty" in rules) == is_events(shop)


def test_the_audit_of_any_shop_asks_its_kafka_where_it_has_one(shop: CommandLine) -> None:
    layout = running_shop(Home(shop.home))
    urls = [f"--{service}-db={layout.auditor_url(service)}" for service in ("orders", "products", "delivery")]
    nowhere = shop.run("audit", *urls, "--wiring", layout.wiring, "--kafka", "127.0.0.1:1")
    assert nowhere.returncode == (1 if is_events(shop) else 0)
    assert ("Kafka:" in nowhere.stderr) == is_events(shop)


def test_the_product_copy_is_rebuilt_while_the_shop_is_open(shop: CommandLine) -> None:
    done = shop.run("replay", "product-copy")
    if not is_events(shop):
        assert "only the wiring `events`" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert "equal at the same positions; the rebuilt one is live now" in done.stdout
    assert shop.run("order", "CLOCK").returncode == 0, "orders reads from the new table"
    assert shop.run("audit").returncode == 0, "and the worker writes into it"
