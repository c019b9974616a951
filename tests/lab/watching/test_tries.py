"""What status tells of transactions and tries that are under way."""

import asyncpg
import pytest

from kit.ids import new_id
from lab.audit import Databases
from lab.watching.tries import lines, tries
from tests.conftest import CreateDatabase
from tests.lab.audit.planted import SCHEMA

EARLIER = "clock_timestamp() - interval '30 seconds'"


@pytest.fixture
async def databases(create_database: CreateDatabase) -> Databases:
    """Of a shop in which nothing was ordered yet."""
    urls = {service: await create_database(service) for service in SCHEMA}
    for service, url in urls.items():
        await run(url, SCHEMA[service])
    return Databases(**urls, wiring="tcc")


async def run(url: str, sql: str, *arguments: object) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql, *arguments)
    await connection.close()


async def test_a_shop_in_which_nothing_is_under_way(databases: Databases) -> None:
    nothing = {"count": 0, "oldest_seconds": 0.0}
    found = await tries(databases)
    assert found == {"open": {}, "tries": {"products": nothing, "delivery": nothing}, "heuristics": {}}
    assert lines(found) == ["transactions open: none; tries not confirmed yet: none"]


async def test_what_is_open_is_told_with_its_age_and_what_ended_otherwise_by_its_kind(databases: Databases) -> None:
    begin = f"INSERT INTO tcc_transactions (order_id, phase, heuristic, begun_at) VALUES ($1, $2, $3, {EARLIER})"
    for phase, heuristic in (("confirming", None), ("confirming", None), ("heuristic", "mixed")):
        await run(databases.orders, begin, new_id(), phase, heuristic)
    for url, table, states in (
        (databases.products, "reservations", ("tried", "reserved", "expired")),
        (databases.delivery, "deliveries", ("started", "cancelled")),
    ):
        for state in states:
            insert = f"INSERT INTO {table} (order_id, state, changed_at) VALUES ($1, $2, {EARLIER})"
            await run(url, insert, new_id(), state)
    found = await tries(databases)
    assert found["open"]["confirming"]["count"] == 2
    assert 30 <= found["open"]["confirming"]["oldest_seconds"] < 90
    assert (found["tries"]["products"]["count"], found["tries"]["delivery"]["count"]) == (1, 0)
    assert found["heuristics"] == {"mixed": 1}
    under_way, ended = lines(found)
    assert under_way.startswith("transactions open: 2 confirming (oldest 3")
    assert "1 in products (oldest 3" in under_way
    assert ended == "[yellow]heuristic outcomes:[/yellow] 1 mixed; `shop audit` names them"
