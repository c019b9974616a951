"""The commands on a shop that runs, in the order in which a person would use them."""

import json
import re
import signal
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from lab.backends import Addresses
from lab.running.layout import SERVICES, running_shop
from lab.supervision import Home, read_state
from orders_svc.read_models import NAMES
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
    expected |= set(NAMES) if is_events(shop) else set()
    assert running.keys() == expected
    assert all(process["state"] == "ready" and process["memory_mib"] > 10 for process in running.values())
    assert found["ready"] == {name: {} for name in expected}, "every replica is asked, and the workers"
    assert found["alarms"] == []
    assert shop.run("status").returncode == 0
    assert found["unreachable"] == {}
    if is_events(shop):
        assert {one["consumer"] for one in found["consumers"]} == {*SERVICES, *NAMES}
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


def test_users_order_as_fast_as_they_are_answered_and_siege_would_say_the_same(shop: CommandLine) -> None:
    told = shop.json("load", "--users", "2", "--seconds", "1")
    assert told["load"]["most_in_flight"] == told["users"] == 2
    closing = told["closing"]
    assert closing["transactions"] == told["load"]["accepted"] == told["check"]["accepted"]["orders"] > 2
    assert (closing["failed"], closing["availability_percent"]) == (0, 100.0)
    assert told["check"]["adds_up"]
    done = shop.run("load", "--users", "2", "--seconds", "0.5")
    assert done.returncode == 0, done.stderr
    assert re.search(r"Availability +│ +100.00 │ %", done.stdout), done.stdout
    assert "Orders and units add up" in done.stdout


def test_orders_come_in_steps_whatever_the_answers_do(shop: CommandLine) -> None:
    told = shop.json("load", "--steps", "10,30", "--seconds", "2")
    assert told["load"]["offered"] == told["check"]["offered"]["orders"] == 40
    assert told["check"]["adds_up"]


@pytest.mark.parametrize("model", ["product-copy", "order-history", "sales"])
def test_a_read_model_is_rebuilt_while_the_shop_is_open(shop: CommandLine, model: str) -> None:
    done = shop.run("replay", model)
    if not is_events(shop):
        assert "the wiring chain has no read models" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert "Equal at the same positions; the rebuilt one is live now" in done.stdout
    assert shop.run("order", "CLOCK").returncode == 0, "orders reads from the new table"
    assert shop.run("audit").returncode == 0, "and the worker writes into it"


def test_the_topics_can_be_read_as_a_person_would(shop: CommandLine) -> None:
    if not is_events(shop):
        done = shop.run("events")
        assert done.returncode == 1
        assert "only the wiring `events` has topics" in done.stderr
        return
    assert shop.run("order", "mask", "--quantity", "2").returncode == 0
    done = shop.run("events", "--topic", "orders", "--topic", "products", "--from", "5m")
    assert done.returncode == 0, done.stderr
    assert re.search(r"orders\[\d\]@\d+ +OrderPlaced .*2 x MASK for 400\.00, You$", done.stdout, re.MULTILINE)
    assert "StockReserved" not in done.stdout
    assert "events shown" in done.stderr
    last = shop.run("events", "--limit", "1", "--topic", "orders", "--json")
    (line,) = last.stdout.splitlines()
    assert json.loads(line)["data"]["amount"] == 40000
    assert re.search(r"the last 1 of [\d,]+ events", last.stderr)


def test_an_order_is_told_from_the_topics(shop: CommandLine) -> None:
    if not is_events(shop):
        return
    assert shop.run("order", "CLOCK").returncode == 0
    newest = shop.run("events", "--limit", "1", "--topic", "orders", "--json").stdout
    order = json.loads(newest)["key"]
    told = [json.loads(line) for line in shop.run("events", "--order", order, "--json").stdout.splitlines()]
    names = ["OrderPlaced", "StockReserved", "DeliveryStarted", "OrderConfirmed"]
    assert [step["type"].split(".")[2] for step in told] == names
    assert told[0]["ms_since_placed"] == 0
    text = shop.run("events", "--order", order).stdout
    assert [name for line in text.splitlines() for name in names if name in line] == names


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--order", "01936e2a-0000-7000-8000-000000000001"], 1, "no event of order 01936e2a"),
        (["--order", "01936e2a"], 2, "all of it is needed"),
        (["--from", "yesterday"], 2, "'yesterday' is no moment"),
        (["--from", "orders:0=99999"], 1, "there is no 99,999 yet"),
        (["--topic", "ordres"], 2, "there are orders, stock, deliveries, products"),
        (["--follow", "--until", "now"], 2, "--follow has no end"),
    ],
)
def test_what_cannot_be_shown_is_said(shop: CommandLine, arguments: list[str], code: int, said: str) -> None:
    if not is_events(shop):
        return
    done = shop.run("events", *arguments)
    assert said in done.stderr
    assert done.returncode == code
    assert done.stdout == ""


def test_following_shows_what_arrives_until_it_is_interrupted(shop: CommandLine) -> None:
    if not is_events(shop):
        return
    assert shop.run("order", "mask").returncode == 0
    with shop.start("events", "--follow", "--limit", "0", "--topic", "stock", "--json") as following:
        assert following.stdout is not None
        assert following.stderr is not None
        assert "the last 0 of" in following.stderr.readline()
        assert shop.run("order", "mask").returncode == 0
        assert json.loads(following.stdout.readline())["type"] == "shop.stock.StockReserved.v1"
        following.send_signal(signal.SIGINT)
        assert following.wait(20) == 0
        assert "1 event shown" in following.stderr.read()
