"""How far consumers are behind: their own positions, and group offsets at Kafka, against the ends of the topics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError

from events.kafka import Kafka, apart
from lab.running.layout import SERVICES

_POSITIONS = "SELECT consumer, topic, partition, next_offset FROM positions"


@dataclass(frozen=True)
class ConsumerLag:
    """``lag`` counts the records between the consumer's positions and the ends of the topics it reads; ``group_lag``
    is the same by the offsets its group has committed at Kafka (for lag tools only), None when it has none."""

    service: str
    consumer: str
    lag: int
    group_lag: int | None


Positions = dict[str, dict[tuple[str, int], int]]
"""Consumer -> (topic, partition) -> next offset to handle, as one service's database has them."""


class Watched(Protocol):
    """A shop whose databases may be read and whose Kafka may be asked: a ``Layout``, or one started by others."""

    def auditor_url(self, service: str) -> str: ...

    def broker(self) -> Kafka: ...


async def positions(shop: Watched) -> dict[tuple[str, str], dict[tuple[str, int], int]]:
    """(service, consumer) -> (topic, partition) -> next offset, as the databases have them."""
    found: dict[tuple[str, str], dict[tuple[str, int], int]] = {}
    for service in SERVICES:
        connection = await asyncpg.connect(shop.auditor_url(service))
        try:
            for consumer, offsets in (await positions_of(connection)).items():
                found[service, consumer] = offsets
        finally:
            await connection.close()
    return found


async def positions_of(connection: Any) -> Positions:
    """Of the one database that ``connection`` (asyncpg) is to."""
    found: Positions = {}
    for row in await connection.fetch(_POSITIONS):
        found.setdefault(row["consumer"], {})[row["topic"], row["partition"]] = row["next_offset"]
    return found


class Lag:
    """Asks Kafka for the ends of topics. Open it once and ask often."""

    def __init__(self, shop: Watched) -> None:
        self._shop = shop
        self._consumer: Any = None

    async def __aenter__(self) -> "Lag":
        consumer = AIOKafkaConsumer(**self._shop.broker().client_options())
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        self._consumer = consumer
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def total(self) -> int | None:
        """Events that somebody still has to handle; None when Kafka or a database does not answer."""
        try:
            return sum(consumer.lag for consumer in await self.consumers(groups=False))
        except (KafkaError, OSError, asyncpg.PostgresError):
            return None

    async def consumers(
        self, *, groups: bool = True, known: Mapping[tuple[str, str], Mapping[tuple[str, int], int]] | None = None
    ) -> list[ConsumerLag]:
        """One entry a consumer. ``known``: positions that were just read, in the form of ``positions``; None reads
        them. Raises KafkaError, OSError or asyncpg.PostgresError."""
        known = await positions(self._shop) if known is None else known
        ends = await self._ends({topic for offsets in known.values() for topic, _ in offsets})
        lags = []
        for (service, consumer), offsets in sorted(known.items()):
            topics = {topic for topic, _ in offsets}
            due = {at: end for at, end in ends.items() if at[0] in topics}
            behind = sum(max(end - offsets.get(at, 0), 0) for at, end in due.items())
            committed = await self._committed(consumer) if groups else {}
            group_lag = sum(max(end - committed.get(at, 0), 0) for at, end in due.items()) if committed else None
            lags.append(ConsumerLag(service, consumer, behind, group_lag))
        return lags

    async def _ends(self, topics: set[str]) -> dict[tuple[str, int], int]:
        partitions = await self._partitions(sorted(topics))
        if not partitions:
            return {}
        ends = await self._consumer.end_offsets(partitions)
        return {(at.topic, at.partition): end for at, end in ends.items()}

    async def _partitions(self, topics: Sequence[str]) -> list[Any]:
        found = []
        for topic in topics:
            numbers = self._consumer.partitions_for_topic(topic)
            if numbers is None:
                await self._consumer._client.add_topic(topic)  # aiokafka knows only topics that it was told of
                numbers = self._consumer.partitions_for_topic(topic) or set()
            found += [TopicPartition(topic, number) for number in sorted(numbers)]
        return found

    async def _committed(self, consumer: str) -> dict[tuple[str, int], int]:
        admin = AIOKafkaAdminClient(**self._shop.broker().client_options())
        await admin.start()
        try:
            group = self._shop.broker().group(consumer)
            offsets = await admin.list_consumer_group_offsets(group)
        except GroupCoordinatorNotAvailableError:
            return {}  # a new cluster: no group has ever committed anything
        else:
            return {(at.topic, at.partition): meta.offset for at, meta in offsets.items() if meta.offset >= 0}
        finally:
            await apart(admin.close())
