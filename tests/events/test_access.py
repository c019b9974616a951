"""The table of permissions is what the services need: no more, and no less."""

import ast
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from delivery_svc import app as delivery_app
from delivery_svc.settings import DeliverySettings
from events.access import ACCESS, Access, Operation, Resource, grants
from events.catalogue import CATALOGUE
from events.topics import MINUTES_CHANGELOG, TOPICS
from kit.app import Service
from orders_svc import app as orders_app
from orders_svc.read_models import MODELS, live_figures
from orders_svc.settings import OrdersSettings
from products_svc import app as products_app
from products_svc.settings import ProductsSettings

ROOT = Path(__file__).parents[2]
URL = "postgresql://nobody@127.0.0.1:9/none"
TABLE = {access.user: access for access in ACCESS}


def service(user: str) -> Service:
    built: dict[str, Any] = {
        "orders": lambda: orders_app.build(OrdersSettings(database_url=URL)),
        "products": lambda: products_app.build(ProductsSettings(database_url=URL)),
        "delivery": lambda: delivery_app.build(DeliverySettings(database_url=URL)),
    }
    _, made = built[user]()
    assert isinstance(made, Service)
    return made


def consumers(user: str) -> dict[str, tuple[str, ...]]:
    """Those that run: the service's reactions, and the workers of orders' read models."""
    loop: Any = service(user).tasks["reactions"].__self__  # type: ignore[attr-defined]
    topics = tuple(topic.removeprefix("shop.") for topic in loop._intake._topics)
    found = {loop.consumer: topics}
    if user == "orders":
        found |= {name: tuple(model.topics) for name, model in MODELS.items()}
        found[live_figures.NAME] = live_figures.LiveFigures().topics
    return found


@pytest.mark.parametrize("user", TABLE)
async def test_each_consumer_that_runs_is_in_the_table_with_the_topics_that_it_reads(user: str) -> None:
    assert TABLE[user].consumers == consumers(user)


@pytest.mark.parametrize("user", TABLE)
async def test_the_relays_transactional_id_is_in_the_table(user: str) -> None:
    relay: Any = service(user).tasks["relay"].__self__  # type: ignore[attr-defined]
    assert TABLE[user].transactional_ids == (f"relay.{relay.service}",)


@pytest.mark.parametrize("user", TABLE)
def test_a_service_publishes_on_the_topics_of_the_events_that_its_code_makes(user: str) -> None:
    topics = {event.__name__: event.topic for event in CATALOGUE}
    made = {
        node.func.id
        for path in (ROOT / f"{user}_svc").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in topics
    }
    assert {topics[name] for name in made} == set(TABLE[user].publishes)


@pytest.mark.parametrize("user", TABLE)
def test_a_service_may_read_what_it_is_recovered_from(user: str) -> None:
    recovery = importlib.import_module(f"{user}_svc.recovery")
    readable = {grant.name for grant in grants("shop", [TABLE[user]]) if grant.operation is Operation.READ}
    assert {f"shop.{topic}" for topic in recovery.TOPICS} <= readable


def test_every_topic_has_one_writer_and_nobody_else_may_write_it() -> None:
    writers = [topic for access in ACCESS for topic in (*access.publishes, *access.keeps)]
    assert sorted(writers) == sorted(topic.name for topic in TOPICS)
    assert TABLE["orders"].keeps == (MINUTES_CHANGELOG,)


def test_grants_are_exact_names_below_the_prefix() -> None:
    found = grants("s", [Access("a", ("own",), {"c": ("in", "own"), "d": ("in",)}, ("relay.a",))])
    assert [(grant.operation, grant.resource, grant.name) for grant in found] == [
        (Operation.WRITE, Resource.TOPIC, "s.own"),
        (Operation.READ, Resource.TOPIC, "s.in"),
        (Operation.READ, Resource.TOPIC, "s.own"),
        (Operation.READ, Resource.GROUP, "s.c"),
        (Operation.READ, Resource.GROUP, "s.d"),
        (Operation.WRITE, Resource.TRANSACTIONAL_ID, "s.relay.a"),
    ]
    assert {grant.principal for grant in found} == {"User:a"}
    assert str(found[0]) == "User:a may WRITE topic s.own"


def test_the_page_shows_the_table() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `User:(\w+)` \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    assert [user for user, *_ in rows] == list(TABLE)
    for user, *cells in rows:
        told = [set(re.findall(r"`([^`]+)`", cell)) for cell in cells]
        kinds = [
            (Operation.WRITE, Resource.TOPIC),
            (Operation.READ, Resource.TOPIC),
            (Operation.READ, Resource.GROUP),
            (Operation.WRITE, Resource.TRANSACTIONAL_ID),
        ]
        granted = [
            {grant.name for grant in grants("shop", [TABLE[user]]) if (grant.operation, grant.resource) == kind}
            for kind in kinds
        ]
        assert told == granted, user
