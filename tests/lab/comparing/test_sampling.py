"""Looking at a round's shop once a second, on real backends; and what of it is away makes it."""

from dataclasses import replace

import asyncpg
import pytest

from events.kafka import Kafka
from lab.comparing.sampling import Sampling
from lab.running.lag import Lag
from lab.running.layout import SERVICES, Layout
from lab.running.roles import drop_databases
from tests.lab.running.test_lag import layout, publish, stand_at
from tests.waiting import eventually

__all__ = ["layout"]


async def wait_in_outbox(layout: Layout, service: str, count: int) -> None:
    connection = await asyncpg.connect(layout.service_url(service))
    sql = "INSERT INTO outbox (topic, key, value, headers) SELECT 'orders', '', '', '{}' FROM generate_series(1, $1)"
    await connection.execute(sql, count)
    await connection.close()


async def test_a_look_counts_what_waits_in_all_outboxes_and_what_nobody_has_handled(
    layout: Layout, kafka: Kafka
) -> None:
    await publish(kafka, 10)
    await stand_at(layout, 5, 2)
    for count, service in enumerate(SERVICES, 1):
        await wait_in_outbox(layout, service, count)
    async with Lag(layout) as lag, Sampling(layout, lag) as seen:
        [first] = await eventually(lambda: seen.samples[:1])
        assert (first.outbox, first.lag) == (6, 3)


async def test_databases_that_go_away_are_none_and_the_looking_goes_on(layout: Layout, kafka: Kafka) -> None:
    await stand_at(layout, 0, 0)
    async with Lag(layout) as lag, Sampling(layout, lag) as seen:
        await eventually(lambda: seen.samples and seen.samples[-1].outbox == 0)
        admin = await asyncpg.connect(layout.admin)
        await drop_databases(admin, layout)
        await admin.close()
        await eventually(lambda: seen.samples[-1].outbox is None)
        gone = len(seen.samples)
        await eventually(lambda: len(seen.samples) > gone)
        assert (seen.samples[-1].outbox, seen.samples[-1].lag) == (None, None)


async def test_a_server_that_vanishes_in_the_middle_of_a_call_is_away(
    layout: Layout, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def vanishes(*_: object) -> None:
        raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")

    monkeypatch.setattr(asyncpg.Connection, "fetchval", vanishes)
    async with Lag(layout) as lag:
        assert (await Sampling(layout, lag).look()).outbox is None


async def test_services_that_do_not_answer_have_no_circuits(layout: Layout) -> None:
    chain = replace(layout, wiring="chain-breaker", ports={"orders": 1, "products": 1, "delivery": 1})
    async with Sampling(chain, None) as seen:
        [look] = await eventually(lambda: seen.samples[:1])
    assert dict(look.circuits) == {}
