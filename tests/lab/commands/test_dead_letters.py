"""``shop dead-letters`` on a shop that runs, in the order in which a person would use it."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import httpx
import pytest

from lab.backends import Addresses
from lab.dead_letters.letters import read_letters
from lab.running.layout import Layout, running_shop
from lab.supervision import Home
from tests.events.stand import publish_raw
from tests.lab.commands.command_line import CommandLine
from tests.waiting import eventually

BAD = b'{"productId": \x1b[31m broken'


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, addresses: Addresses) -> Iterator[CommandLine]:
    line = CommandLine(tmp_path_factory.mktemp("shop") / "home", addresses)
    line.json("up", "--detach")
    yield line
    assert line.run("down", "--wipe").returncode == 0


@pytest.fixture(scope="module")
def shop(line: CommandLine) -> Layout:
    return running_shop(Home(line.home))


def dead(line: CommandLine, *conditions: str) -> list[Any]:
    where = [part for condition in conditions for part in ("--where", condition)]
    found: list[Any] = line.json("dead-letters", "list", *where)
    return found


async def execute(shop: Layout, service: str, sql: str) -> None:
    connection = await asyncpg.connect(shop.service_url(service))
    await connection.execute(sql)
    await connection.close()


@contextmanager
def products_chokes_on_product(shop: Layout, number: int) -> Iterator[None]:
    """For as long as the block lasts, products cannot write down a reservation of that product."""
    check = f"CHECK (product_id IS DISTINCT FROM {number}) NOT VALID"
    asyncio.run(execute(shop, "products", f"ALTER TABLE reservations ADD CONSTRAINT poison {check}"))
    try:
        yield
    finally:
        asyncio.run(execute(shop, "products", "ALTER TABLE reservations DROP CONSTRAINT poison"))


def place(shop: Layout, product: int) -> str:
    placed = httpx.post(f"{shop.http('orders')}/orders", json={"productId": product, "quantity": 1})
    assert placed.status_code == 202, placed.text
    id: str = placed.json()["id"]
    return id


def status_of(shop: Layout, order: str) -> str:
    status: str = httpx.get(f"{shop.http('orders')}/orders/{order}").json()["status"]
    return status


async def so_many(line: CommandLine, shop: Layout, number: int) -> list[Any]:
    async def there() -> bool:
        return len([one for one in await read_letters(shop) if one.state == "dead"]) == number

    await eventually(there, every=0.1)
    return await asyncio.to_thread(dead, line)


def test_where_nothing_died_nothing_is_listed(line: CommandLine) -> None:
    assert line.run("dead-letters", "list").stdout == "no dead letters\n"


def test_an_event_that_fails_for_good_is_listed_shown_and_comes_back_until_the_cause_is_gone(
    line: CommandLine, shop: Layout
) -> None:
    with products_chokes_on_product(shop, 1):
        orders = [place(shop, 1), place(shop, 1)]
        letters = asyncio.run(so_many(line, shop, 2))
        assert {one["key"] for one in letters} == set(orders)
        assert {(one["service"], one["consumer"], one["type"], one["state"]) for one in letters} == {
            ("products", "products", "shop.orders.OrderPlaced.v1", "dead")
        }
        table = line.run("dead-letters", "list").stdout
        assert all(text in table for text in (letters[0]["short"], orders[0], "OrderPlaced.v1", "CheckViolation"))
        _is_seen_by_status_and_audit(line, letters[0]["id"])
        _is_shown(line, letters[0])

        done = line.run("dead-letters", "requeue", letters[0]["short"])
        assert done.returncode == 1
        assert f"failed again, attempt {letters[0]['attempts'] + 1}: CheckViolation" in done.stdout
        assert {status_of(shop, order) for order in orders} == {"pending"}

    told = line.json("dead-letters", "requeue", "--where", "consumer=products", "--where", "error~violates")
    assert (told["requeued"], told["handled"], told["failed"], told["waiting"]) == (2, 2, 0, 0)
    asyncio.run(eventually(lambda: {status_of(shop, order) for order in orders} == {"confirmed"}, within=30))
    assert dead(line) == []
    assert line.run("audit").returncode == 0
    assert line.run("status").returncode == 0


def _is_seen_by_status_and_audit(line: CommandLine, id: str) -> None:
    status = line.run("status")
    assert status.returncode == 1
    assert "dead letters of products: 2; `shop dead-letters list` names them" in status.stdout
    assert id in line.run("audit", "--deadline", "0").stdout


def _is_shown(line: CommandLine, letter: dict[str, Any]) -> None:
    whole = line.json("dead-letters", "show", letter["id"])
    assert whole["event"]["orderId"] == letter["key"]
    assert whole["headers"]["ce_type"] == "shop.orders.OrderPlaced.v1"
    text = line.run("dead-letters", "show", letter["short"]).stdout
    assert "in order_placed" in text, "the traceback"
    assert f"shop dead-letters requeue {letter['id']}" in text
    assert f'"orderId": "{letter["key"]}"' in text


async def test_what_never_can_be_handled_is_shown_as_it_is_and_discarded(line: CommandLine, shop: Layout) -> None:
    await publish_raw(shop.broker(), "products", BAD, [("ce_type", b"shop.products.ProductChanged.v1")])
    (letter,) = await so_many(line, shop, 1)
    shown = line.run("dead-letters", "show", letter["id"])
    assert '{"productId": \\x1b[31m broken' in shown.stdout
    assert "\x1b" not in shown.stdout
    assert "Malformed: shop.products.ProductChanged.v1" in shown.stdout

    done = line.run("dead-letters", "discard", letter["short"], "--why", "a [test], no product")
    assert done.returncode == 0, done.stderr
    assert "[test], no product" in line.run("dead-letters", "list", "--discarded").stdout
    (kept,) = json.loads(line.run("dead-letters", "list", "--discarded", "--json").stdout)
    assert (kept["state"], kept["discarded_why"]) == ("discarded", "a [test], no product")
    for again in (["discard", letter["id"], "--why", "twice"], ["requeue", letter["id"]]):
        refused = line.run("dead-letters", *again)
        assert refused.returncode == 1
        assert "was discarded at" in refused.stderr
        assert "a [test], no product" in refused.stderr
    done = line.run("dead-letters", "requeue", "--all")
    assert (done.returncode, done.stdout) == (0, "no dead letter to requeue\n"), "it is not among them"


async def test_the_read_models_dead_letters_are_handled_by_its_worker(line: CommandLine, shop: Layout) -> None:
    await publish_raw(shop.broker(), "products", b"[]", [("ce_type", b"shop.products.ProductChanged.v1")], key=b"9")
    (letter,) = await so_many(line, shop, 1)
    assert (letter["service"], letter["consumer"]) == ("orders", "product-copy")
    told = line.json("dead-letters", "requeue", "--all")
    assert (told["failed"], told["letters"][0]["attempts"]) == (1, letter["attempts"] + 1)

    marked = line.run("dead-letters", "requeue", letter["short"], "--no-wait", "--json")
    assert marked.returncode == 0
    assert json.loads(marked.stdout)["requeued"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "nobody"], "there is no dead letter 'nobody'; `shop dead-letters list` names them"),
        (["show", "0"], "at least 4 characters"),
        (["requeue", "ffffffff-ffff"], "there is no dead letter"),
        (["discard", "ffffffff-ffff", "--why", "x"], "there is no dead letter"),
    ],
)
def test_an_id_that_is_nobodys_is_said(line: CommandLine, arguments: list[str], said: str) -> None:
    done = line.run("dead-letters", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


def test_a_beginning_that_several_share_is_refused_and_nothing_is_done(line: CommandLine, shop: Layout) -> None:
    before = json.loads(line.run("dead-letters", "list", "--discarded", "--json").stdout)
    assert len({one["id"][:4] for one in before}) == 1 < len(before), "ids begin with the time"
    refused = line.run("dead-letters", "discard", before[0]["id"][:4], "--why", "whichever")
    assert refused.returncode == 1
    assert "could be 2 dead letters" in refused.stderr
    known, unknown = before[-1]["short"], "ffffffff"
    assert line.run("dead-letters", "requeue", known, unknown, "--no-wait").returncode == 1
    assert json.loads(line.run("dead-letters", "list", "--discarded", "--json").stdout) == before
