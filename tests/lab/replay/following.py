"""orders' database with its live read models, and the topics they follow: what replays are judged against."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from events.kafka import Kafka
from events.merged_model import MergedModel
from events.merging import Merged, Summed
from events.projection import Projector
from kit.database import Database
from lab.replay.outcome import Rebuild
from lab.replay.rebuild import rebuild
from tests.events.stand import publish, read

Rows = list[tuple[Any, ...]]


@dataclass
class Following:
    """``connection`` is for looking, and for planting what is wrong."""

    kafka: Kafka
    url: str
    database: Database
    connection: Any

    async def publish(self, *envelopes: Any) -> None:
        """In this order, each topic by itself."""
        await publish(self.kafka, envelopes)

    async def project(self, model: MergedModel, *, at_a_time: int = 1000) -> None:
        """Brings the live model to its topics' ends, as its worker does."""
        projector = Projector(model, self.database)
        found: Sequence[Any] = [record for topic in model.topics for record in await read(self.kafka, topic)]
        for begin in range(0, len(found), at_a_time):
            await projector.project(found[begin : begin + at_a_time])

    async def rebuild(self, model: MergedModel, **options: Any) -> Rebuild:
        return await rebuild(model, self.kafka, self.url, **{"patience": 0.5, **options})

    async def rows(self, sql: str, *arguments: Any) -> Rows:
        return [tuple(row) for row in await self.connection.fetch(sql, *arguments)]

    async def tables(self, model: MergedModel, suffix: str = "") -> dict[str, Rows]:
        """All that the model says, whole rows in order (but for columns that a table fills by itself)."""
        return {
            table.name: await self.rows(
                f"SELECT {', '.join(table.columns)} FROM {table.name}{suffix} ORDER BY {', '.join(table.key)}"
            )
            for table in tables_of(model)
        }

    async def positions(self, model: MergedModel) -> dict[tuple[str, int], int]:
        sql = "SELECT topic, partition, next_offset FROM positions WHERE consumer = $1"
        return {(topic, partition): offset for topic, partition, offset in await self.rows(sql, model.name)}

    async def dead_letters(self) -> int:
        count: int = await self.connection.fetchval("SELECT count(*) FROM dead_letters")
        return count

    async def leftovers(self) -> list[str]:
        """Tables that a replay made for itself."""
        sql = r"SELECT relname FROM pg_class WHERE relname ~ '(_rebuilt|_then|_staging)$' AND relkind = 'r' ORDER BY 1"
        return [name for (name,) in await self.rows(sql)]


def tables_of(model: MergedModel) -> list[Merged | Summed]:
    return [*model.tables, *model.sums]


def sums(rows: Iterable[Sequence[Any]]) -> dict[tuple[int, str], tuple[int, int, int]]:
    """Rows of ``sales`` by product and day: orders, units, revenue."""
    return {(product, str(day)): (orders, units, revenue) for product, day, orders, units, revenue in rows}
