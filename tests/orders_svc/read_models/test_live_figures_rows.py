"""The rows of the live figures: absolute values that never go back, and are forgotten."""

from datetime import UTC, datetime
from typing import Any

from orders_svc.read_models.live_figures import KEEP, rows
from orders_svc.read_models.live_figures.counting import Counted, Minute, Place
from tests.events.stand import NOON, Stand


async def test_old_rows_are_forgotten_a_bounded_piece_at_a_time(orders: Stand) -> None:
    async with orders.database.transaction() as connection:
        await connection.raw.execute(
            "INSERT INTO live_products SELECT now() - interval '3 hours', 0, n, 1, 1, 1 FROM generate_series(1, 25) n;"
            "INSERT INTO live_products VALUES (now(), 0, 1, 1, 1, 1)"
        )
        before = datetime.now(UTC) - KEEP
        assert [await rows.forget(connection, before, limit=10) for _ in range(4)] == [10, 10, 5, 0]
    assert await orders.value("SELECT count(*) FROM live_products") == 1


async def test_a_late_write_never_takes_figures_back(orders: Stand) -> None:
    async with orders.database.transaction() as connection:
        for number, at in ((5, "12:00:05"), (4, "12:00:04")):
            await rows.stand(connection, {0: datetime.fromisoformat(f"2026-11-23T{at}+00:00")})
            await rows.write(connection, _minute(number))
    assert await orders.rows("SELECT placed, next_offset FROM live_minutes") == [(5, 5)]
    assert await orders.rows("SELECT orders, next_offset FROM live_products") == [(5, 5)]
    assert await orders.value("SELECT max(as_of) FROM live_standing") == datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)


def _minute(number: int) -> Any:
    minute = Minute(placed=number, next_offset=number, products={2: (number, number)})
    return {Place(0, NOON): Counted(minute, {2})}
