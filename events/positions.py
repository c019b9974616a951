"""How far a consumer has come, kept in its own database in the transaction of its effects.

Kafka forgets an idle group's offsets after a week; this does not. And because a position is moved only from where it
is believed to be (compare and set), a consumer that was replaced without knowing it (a zombie) cannot commit anything.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from events.tables import positions
from kit.database import Connection, Query, array, bulk_insert, columns_of

Partition = tuple[str, int]
"""Broker's topic name and partition number."""


class Move(NamedTuple):
    topic: str
    partition: int
    expected: int
    next_offset: int


class PositionError(Exception):
    """The topic does not reach to where the consumer stands. Nothing is handled until a person has decided.

    PositionError
    ├── TopicRecreated    the topic ends before the position: it was deleted and made anew, or lost its tail
    └── RecordsExpired    the topic begins after the position: records were deleted before they were handled
    """


class TopicRecreated(PositionError):
    pass


class RecordsExpired(PositionError):
    pass


class PositionMoved(Exception):
    """Somebody else moved a position meanwhile: this batch is theirs. Roll back, and read the positions again."""


def check(consumer: str, partition: Partition, position: int, *, beginning: int, end: int) -> None:
    """Raises PositionError when ``position`` is not within the log that the broker has."""
    where = f"{consumer} stands at offset {position} of {partition[0]}[{partition[1]}]"
    advice = "decide what to do with the events in between, then correct the row in the table positions"
    if position > end:
        raise TopicRecreated(f"{where}, which ends at {end}: the topic was recreated or has lost records; {advice}")
    if position < beginning:
        raise RecordsExpired(f"{where}, which begins at {beginning}: records were deleted unhandled; {advice}")


_COLUMNS = ("consumer", "topic", "partition", "next_offset")
_READ = Query(
    sa.select(positions.c.topic, positions.c.partition, positions.c.next_offset).where(
        positions.c.consumer == sa.bindparam("consumer"),
        positions.c.topic == sa.any_(array("topics", positions.c.topic)),
    )
)
_PLACES = (
    sa.func.unnest(array("topics", positions.c.topic), array("partitions", positions.c.partition))
    .table_valued("topic", "partition")
    .render_derived(name="places")
)
_LOCK = Query(
    sa.select(positions.c.topic, positions.c.partition, positions.c.next_offset)
    .where(
        positions.c.consumer == sa.bindparam("consumer"),
        positions.c.topic == _PLACES.c.topic,
        positions.c.partition == _PLACES.c.partition,
    )
    .order_by(positions.c.topic, positions.c.partition)
    .with_for_update(of=positions)
)
_BEGIN = Query(bulk_insert(positions, *_COLUMNS).on_conflict_do_nothing())
_MOVES = (
    sa.func.unnest(
        array("topics", positions.c.topic),
        array("partitions", positions.c.partition),
        array("expected", positions.c.next_offset),
        array("next_offsets", positions.c.next_offset),
    )
    .table_valued("topic", "partition", "expected", "next_offset")
    .render_derived(name="moves")
)
MOVE = (
    sa.update(positions)
    .values(next_offset=_MOVES.c.next_offset, moved_at=sa.func.clock_timestamp())
    .where(
        positions.c.consumer == sa.bindparam("consumer", type_=sa.Text),
        positions.c.topic == _MOVES.c.topic,
        positions.c.partition == _MOVES.c.partition,
        positions.c.next_offset == _MOVES.c.expected,
    )
)
"""Moves positions from where they are expected to be. Parameters: ``move_parameters``."""
_MOVE = Query(MOVE)
_SET = Query(
    insert(positions)
    .values({name: sa.bindparam(name) for name in _COLUMNS})
    .on_conflict_do_update(
        index_elements=[positions.c.consumer, positions.c.topic, positions.c.partition],
        set_={"next_offset": sa.bindparam("next_offset"), "moved_at": sa.func.clock_timestamp()},
    )
)


class Positions:
    """The positions of one consumer. All methods run on the caller's connection, in its transaction."""

    def __init__(self, consumer: str) -> None:
        self.consumer = consumer

    async def read(self, connection: Connection, topics: Sequence[str]) -> dict[Partition, int]:
        """The next offset to handle of every partition that was ever begun."""
        rows = await connection.fetch(_READ, consumer=self.consumer, topics=list(topics))
        return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}

    async def lock(self, connection: Connection, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The positions of these partitions; nobody else can move them until the transaction ends. One that was never
        begun is missing."""
        rows = await connection.fetch(
            _LOCK,
            consumer=self.consumer,
            topics=[topic for topic, _ in partitions],
            partitions=[partition for _, partition in partitions],
        )
        return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}

    async def begin(self, connection: Connection, starts: Mapping[Partition, int]) -> None:
        """Enters partitions that have no position yet; leaves the others as they are."""
        rows = [(self.consumer, topic, partition, offset) for (topic, partition), offset in sorted(starts.items())]
        await connection.execute(_BEGIN, **columns_of(_COLUMNS, rows))

    async def move(self, connection: Connection, moves: Collection[Move]) -> None:
        """Moves all, or raises PositionMoved when one of them is not where it was expected."""
        moved = await connection.execute(_MOVE, **move_parameters(self.consumer, moves))
        if moved != len(moves):
            raise PositionMoved(f"{len(moves) - moved} of {len(moves)} positions were moved by others")

    async def set(self, connection: Connection, partition: Partition, next_offset: int) -> None:
        """Puts a position somewhere, whatever it was. For people and tools that know why."""
        await connection.execute(
            _SET, consumer=self.consumer, topic=partition[0], partition=partition[1], next_offset=next_offset
        )


def move_parameters(consumer: str, moves: Iterable[Move]) -> dict[str, Any]:
    """The parameters of ``MOVE``."""
    ordered = sorted(moves)
    return {
        "consumer": consumer,
        "topics": [move.topic for move in ordered],
        "partitions": [move.partition for move in ordered],
        "expected": [move.expected for move in ordered],
        "next_offsets": [move.next_offset for move in ordered],
    }
