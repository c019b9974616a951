"""Feeding a service's reactions again, on purpose: the one replay that may have effects.

The positions of the consumer are set back, and the service reads on from there when it is started. Every event that it
has handled stands in its inbox and is passed over; what takes effect is what does not stand there: events of a type
that it did not react to at the time, or that were taken out of the inbox on purpose. That is harmless as far back as
the inbox reaches. Beyond that, nobody knows whether an event that is not in it was handled: refused.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError, for_code

import delivery_svc.reactions
import orders_svc.reactions
import products_svc.reactions
from events.arrivals import Reader, Record
from events.catalogue import Event
from events.failures import Backoff
from events.kafka import Kafka
from events.positions import Positions
from events.pruning import KEEP
from kit.database import Connection
from lab.replay.errors import NotAMoment, NotNow, Refused
from lab.replay.moments import Moment
from lab.replay.outcome import Counts
from lab.replay.topic import Offsets, TopicReader, name

MARGIN = timedelta(days=1)
"""Between the oldest event that is fed again and what the inbox may have forgotten."""
NAMED = 10
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Reactions:
    """A service's consumer: what it reads and reacts to."""

    topics: Sequence[str]
    events: Collection[type[Event]]


REACTIONS: Mapping[str, Reactions] = {
    "orders": Reactions(orders_svc.reactions.TOPICS, orders_svc.reactions.REACTIONS.keys()),
    "products": Reactions(products_svc.reactions.TOPICS, products_svc.reactions.REACTIONS.keys()),
    "delivery": Reactions(delivery_svc.reactions.TOPICS, delivery_svc.reactions.REACTIONS.keys()),
}
"""By the consumer's name."""


@dataclass
class Refeed:
    """What was set back, or would be. ``stretches``: partition -> the offsets from and up to which events come again.
    ``passed_over`` of them are in the inbox, ``effective`` are not (the first of them are in ``named``)."""

    consumer: str
    counts: Counts = field(default_factory=Counts)
    stretches: dict[str, tuple[int, int]] = field(default_factory=dict)
    passed_over: int = 0
    effective: int = 0
    named: list[str] = field(default_factory=list)
    oldest: datetime | None = None
    done: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "consumer": self.consumer,
            **self.counts.as_dict(),
            "stretches": {place: {"from": begin, "until": end} for place, (begin, end) in self.stretches.items()},
            "passed_over": self.passed_over,
            "effective": self.effective,
            "effective_events": self.named,
            "oldest": None if self.oldest is None else self.oldest.isoformat(),
            "done": self.done,
        }


async def refeed(consumer: str, kafka: Kafka, database_url: str, *, since: Moment, really: bool) -> Refeed:
    """Looks at what would come again from ``since`` on and, if ``really``, sets the positions back.

    Raises Refused while the service runs, and when the stretch reaches beyond what its inbox remembers for sure;
    NotAMoment when it has handled nothing since; KafkaError, asyncpg.PostgresError.
    """
    found, reactions = Refeed(consumer), REACTIONS[consumer]
    await _nobody_consumes(kafka, consumer)
    connection = await asyncpg.connect(database_url, server_settings={"timezone": "UTC"})
    try:
        await _nobody_is_connected(connection, consumer)
        positions = Positions(consumer)
        async with TopicReader(kafka, reactions.topics) as topics, connection.transaction():
            start = await since.offsets(topics, otherwise="end")
            stands = await positions.lock(Connection(connection), sorted(start))
            back = {place: (start[place], end) for place, end in stands.items() if start[place] < end}
            if not back:
                raise NotAMoment(f"{consumer} has handled nothing after that moment: there is nothing to feed again")
            found.stretches = {name(place): stretch for place, stretch in back.items()}
            await _look(connection, topics, reactions, back, found)
            if really:
                for place, (begin, _) in back.items():
                    await positions.set(Connection(connection), place, begin)
                found.done = True
    finally:
        await connection.close()
    return found


async def _look(
    connection: Any, topics: TopicReader, reactions: Reactions, back: Mapping[Any, tuple[int, int]], found: Refeed
) -> None:
    """Reads the stretches. Raises Refused at the first event that is too old."""
    begin: Offsets = {place: stretch[0] for place, stretch in back.items()}
    limit = datetime.now(UTC) - KEEP + MARGIN
    reader = Reader(reactions.events)
    async for records in topics.read(begin, {place: stretch[1] for place, stretch in back.items()}):
        appended = datetime.fromtimestamp(records[0].timestamp / 1000, UTC)
        if appended < limit:
            raise Refused(
                f"{name((records[0].topic, records[0].partition))}@{records[0].offset} was appended on "
                f"{appended:%Y-%m-%d %H:%M}, and the inbox of {found.consumer} "
                f"remembers {KEEP.days} days: older events could have their effects twice. "
                f"Begin at {limit:%Y-%m-%dT%H:%M}Z or later"
            )
        found.oldest = min(appended, found.oldest or appended)
        await _sort_out(connection, reader, records, found)


async def _sort_out(connection: Any, reader: Reader, records: Iterable[Record], found: Refeed) -> None:
    """Which of the records are in the inbox, and which are not."""
    arrivals = [reader.read(record) for record in records]
    found.counts.read += len(arrivals)
    concerned = [arrival for arrival in arrivals if not arrival.skipped]
    rows = await connection.fetch(
        "SELECT source, event_id FROM inbox JOIN unnest($2::text[], $3::text[]) AS these (source, event_id) "
        "USING (source, event_id) WHERE consumer = $1",
        found.consumer,
        [arrival.identity.source for arrival in concerned],
        [arrival.identity.event_id for arrival in concerned],
    )
    known = {(row["source"], row["event_id"]) for row in rows}
    for arrival in concerned:
        if arrival.identity in known:
            found.passed_over += 1
            continue
        found.effective += 1
        if len(found.named) < NAMED:
            what = arrival.error if arrival.envelope is None else f"{arrival.envelope.type} of {arrival.envelope.key}"
            found.named.append(
                f"{name((arrival.record.topic, arrival.record.partition))}@{arrival.record.offset}: {what}"
            )


async def _nobody_consumes(kafka: Kafka, consumer: str) -> None:
    """Raises Refused when the consumer's group has members; NotNow when Kafka does not say so for half a minute."""
    admin = AIOKafkaAdminClient(**kafka.client_options())
    await admin.start()
    try:
        state = await _group_state(admin, kafka.group(consumer))
    finally:
        await admin.close()
    if state not in ("Empty", "Dead"):
        raise Refused(f"{consumer} is consuming (its group is {state}): stop every replica of it first")


async def _group_state(admin: Any, group: str) -> str:
    """A broker that has just started is still loading its groups, and says so for a moment."""
    backoff, until = Backoff(), monotonic() + PATIENCE_SECONDS
    while True:
        try:
            (answer,) = await admin.describe_consumer_groups([group])
            error_code, _, state, *_ = answer.groups[0]
            if error_code == 0:
                return str(state)
            error: KafkaError = for_code(error_code)(group)
        except GroupCoordinatorNotAvailableError:
            return "Dead"  # a new cluster: there has never been a group
        except KafkaError as raised:
            error = raised
        if not error.retriable or monotonic() > until:
            raise NotNow(f"Kafka does not tell who is in the group {group} ({error!r}); try again") from error
        await asyncio.sleep(backoff.next())


async def _nobody_is_connected(connection: Any, consumer: str) -> None:
    """Raises Refused when a process of the service is connected to its database: it has its positions in memory."""
    count = await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1", consumer
    )
    if count:
        raise Refused(f"{consumer} is connected to its database ({count} sessions): stop every replica first")
