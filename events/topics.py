"""Declares the topics: ``python -m events.topics``. Idempotent, so it can run at every deployment.

The broker's auto-creation stays off: a mistyped topic must be an error, not a new topic. ``SHOP_TOPIC_ACLS=on`` also
declares who may use them (``events.access``).
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code
from pydantic import Field

from events import acls
from events.acls import NoAuthorizer
from events.kafka import Kafka, apart, no_broker_yet
from events.refusals import explained, quiet_client_logs
from kit import sigterm
from kit.kafka_settings import KafkaSettings
from kit.settings import from_environment

FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
COMPACTED = {"cleanup.policy": "compact", "min.compaction.lag.ms": str(7 * 24 * 3600 * 1000)}
_SET_ON_TOPIC = 1  # DescribeConfigs: DYNAMIC_TOPIC_CONFIG
DURABLE_REPLICAS = 3
"""From so many on every event is to be in two of them before it counts as published."""

BROKER_TIME = {"message.timestamp.type": "LogAppendTime"}


@dataclass(frozen=True)
class Topic:
    """A topic as it should be. ``configs`` are the broker's; whatever is not named keeps the broker's default."""

    name: str
    configs: dict[str, str] = field(default_factory=dict)
    like: str | None = None
    """A topic that this one must have as many partitions as. None: the number given on the command line."""


MINUTES_CHANGELOG = "live-figures-minutes-changelog"
"""Faust's own name for it: <app>-<table>-changelog. What it holds, and for how long, ``live_figures`` says."""
CHANGELOG = {
    "cleanup.policy": "compact,delete",
    "retention.ms": str(3 * 3600 * 1000),
    "segment.ms": str(1800 * 1000),  # only a whole segment is ever compacted or deleted
    "max.message.bytes": str(8 * 2**20),  # a minute with every product of a large catalogue is a big record
}

TOPICS = (
    Topic("orders", FOR_EVER | BROKER_TIME),
    Topic("stock", FOR_EVER | BROKER_TIME),
    Topic("deliveries", FOR_EVER | BROKER_TIME),
    Topic("products", COMPACTED | BROKER_TIME),
    Topic(MINUTES_CHANGELOG, CHANGELOG | BROKER_TIME, like="orders"),
)


async def declare(
    kafka: Kafka,
    topics: Sequence[Topic] = TOPICS,
    *,
    partitions: int = 4,
    replication_factor: int = 1,
    say: Callable[[str], None] = print,
) -> None:
    """Makes the broker's topics what they should be: creates what is missing, brings configurations in line, adds
    missing partitions (a warning: keys move to other partitions then, so an aggregate's older events are elsewhere).
    Missing replicas are told as a warning: to add them is the cluster's affair. Never takes anything away. Raises
    KafkaError."""
    async with _admin(kafka) as admin:
        for topic in topics:
            count = len(await _partitions(admin, kafka.topic(topic.like))) if topic.like else partitions
            await _declare(admin, kafka.topic(topic.name), topic, count, replication_factor, say)
        await _wait_until_known(admin, [kafka.topic(topic.name) for topic in topics])


def configs(topic: Topic, replicas: int) -> dict[str, str]:
    """What is set on the topic where it has so many replicas: one that must have more of them in sync than there are
    takes no event."""
    return topic.configs | ({"min.insync.replicas": "2"} if replicas >= DURABLE_REPLICAS else {})


async def _declare(
    admin: Any, name: str, topic: Topic, partitions: int, replication_factor: int, say: Callable[[str], None]
) -> None:
    made = NewTopic(name, partitions, replication_factor, topic_configs=configs(topic, replication_factor))
    response = await admin.create_topics([made])
    _, code, *message = response.topic_errors[0]
    if code == 0:
        say(f"{name}: created with {partitions} partitions")
        return
    if for_code(code) is not TopicAlreadyExistsError:
        raise for_code(code)(f"{name}: {message}")
    done = []
    described = await _partitions(admin, name)
    replicas = min(len(partition["replicas"]) for partition in described)
    overrides = await _overrides(admin, name)
    wanted = configs(topic, min(replicas, replication_factor))
    if not wanted.items() <= overrides.items():
        resource = ConfigResource(ConfigResourceType.TOPIC, name, overrides | wanted)
        for answer in await admin.alter_configs([resource]):
            for error_code, error_message, *_ in answer.resources:
                if error_code:
                    raise for_code(error_code)(f"{name}: {error_message}")
        done.append("configuration brought in line")
    if int(overrides.get("min.insync.replicas", 1)) > replicas:
        done.append(f"WARNING: takes no event, min.insync.replicas is above its {_replicas(replicas)}")
    if replicas < replication_factor:
        done.append(
            f"WARNING: has {_replicas(replicas)}, not {replication_factor}: "
            "add them with kafka-reassign-partitions.sh, then run this again"
        )
    elif replicas > replication_factor:
        done.append(f"has {_replicas(replicas)}, which stay")
    present = len(described)
    if present < partitions:
        await admin.create_partitions({name: NewPartitions(partitions)})
        done.append(f"WARNING: {partitions - present} partitions added, keys move to other partitions")
    elif present > partitions:
        done.append(f"has {present} partitions, which stay")
    say(f"{name}: {'; '.join(done) or 'as it should be'}")


async def _partitions(admin: Any, name: str) -> list[dict[str, Any]]:
    """The partitions of a topic that is there, or was made a moment ago."""
    await _wait_until_known(admin, [name])
    (described,) = await admin.describe_topics([name])
    partitions: list[dict[str, Any]] = described["partitions"]
    return partitions


def _replicas(number: int) -> str:
    return "1 replica" if number == 1 else f"{number} replicas"


async def _overrides(admin: Any, name: str) -> dict[str, str]:
    """What was set on this topic itself. All of it must be sent along with a change, or the broker resets it."""
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    entries = answer.resources[0][4]
    return {key: value for key, value, _read_only, source, *_ in entries if source == _SET_ON_TOPIC}


async def _wait_until_known(admin: Any, names: Sequence[str]) -> None:
    """Until the broker's metadata show a leader for every partition, so that nobody meets a half-made topic."""
    async with asyncio.timeout(30):
        while True:
            described = await admin.describe_topics(list(names))
            if all(topic["error_code"] == 0 and topic["partitions"] for topic in described) and all(
                partition["leader"] >= 0 for topic in described for partition in topic["partitions"]
            ):
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def _admin(kafka: Kafka) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(**kafka.client_options())
    try:
        with no_broker_yet():
            await admin.start()
            yield admin
    finally:
        await apart(admin.close())


class TopicSettings(KafkaSettings):
    """Environment: ``KAFKA_*``, ``SHOP_TOPIC_PREFIX``, ``_PARTITIONS``, ``_REPLICATION_FACTOR`` and ``_ACLS``."""

    topic_partitions: int = Field(4, ge=1, le=1000)
    topic_replication_factor: int = Field(1, ge=1)
    topic_acls: Literal["on", "off"] = Field("off", description="whether to declare who may use them, too")


def main() -> int:
    settings = from_environment(TopicSettings)
    kafka = Kafka.of(settings)
    print(f"declaring topics at {kafka.bootstrap_servers}", flush=True)
    quiet_client_logs()
    try:
        asyncio.run(_declare_all(kafka, settings, say=lambda line: print(f"  {line}", flush=True)))
    except NoAuthorizer as error:
        print(f"topics were declared, who may use them was not: {error}", file=sys.stderr)
        return 1
    except (OSError, RuntimeError) as error:
        print(f"topics were not declared: {explained(error)}", file=sys.stderr)
        return 1
    return 0


async def _declare_all(kafka: Kafka, settings: TopicSettings, say: Callable[[str], None]) -> None:
    await declare(
        kafka, partitions=settings.topic_partitions, replication_factor=settings.topic_replication_factor, say=say
    )
    if settings.topic_acls == "on":
        await acls.declare(kafka, say=say)


if __name__ == "__main__":
    sigterm.ends_at_once()
    sys.exit(main())
