"""Topics are declared by one command that can run at every deployment."""

import os
import subprocess
import sys
from collections.abc import Sequence

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from events import topics
from events.kafka import Kafka
from events.topics import COMPACTED, FOR_EVER, MINUTES_CHANGELOG, Topic
from tests.events.stand import admin
from tests.waiting import eventually


async def test_all_topics_are_declared_as_the_design_says(kafka: Kafka) -> None:
    said = await _declare(kafka)
    assert [line.split(":")[0] for line in said] == [
        kafka.topic(name) for name in ("orders", "stock", "deliveries", "products", MINUTES_CHANGELOG)
    ]
    assert all("created with 4 partitions" in line for line in said)
    for name in ("orders", "stock", "deliveries"):
        config = await _config(kafka, name)
        assert (config["cleanup.policy"], config["retention.ms"]) == ("delete", "-1")
        assert config["message.timestamp.type"] == "LogAppendTime"
    config = await _config(kafka, "products")
    assert config["cleanup.policy"] == "compact"
    assert config["min.compaction.lag.ms"] == str(7 * 24 * 3600 * 1000)
    assert config["message.timestamp.type"] == "LogAppendTime"
    config = await _config(kafka, MINUTES_CHANGELOG)
    assert (config["cleanup.policy"], config["retention.ms"]) == ("compact,delete", str(3 * 3600 * 1000))


async def test_a_changelog_has_as_many_partitions_as_the_topic_that_it_belongs_to(kafka: Kafka) -> None:
    await _declare(kafka, [Topic("orders")], partitions=3)
    (said,) = await _declare(kafka, [Topic("changes", like="orders")], partitions=7)
    assert "created with 3 partitions" in said


async def test_declaring_again_changes_nothing(kafka: Kafka) -> None:
    await _declare(kafka)
    assert all(line.endswith(": as it should be") for line in await _declare(kafka))


async def test_a_configuration_that_strayed_is_brought_in_line_and_nothing_else_is_touched(kafka: Kafka) -> None:
    await topics.declare(kafka, [Topic("orders", COMPACTED | {"max.message.bytes": "2000000"})], say=lambda _: None)
    (said,) = await _declare(kafka, [Topic("orders", FOR_EVER)])
    assert "brought in line" in said

    async def in_line() -> bool:
        """What was altered reaches the broker's view a moment after it was acknowledged."""
        config = await _config(kafka, "orders")
        return (config["cleanup.policy"], config["retention.ms"]) == ("delete", "-1")

    await eventually(in_line)
    assert (await _config(kafka, "orders"))["max.message.bytes"] == "2000000"


async def test_missing_partitions_are_added_with_a_warning_and_none_is_ever_taken_away(kafka: Kafka) -> None:
    await _declare(kafka, [Topic("orders")], partitions=2)
    (grown,) = await _declare(kafka, [Topic("orders")], partitions=3)
    assert "WARNING: 1 partitions added" in grown
    (kept,) = await _declare(kafka, [Topic("orders")], partitions=1)
    assert "has 3 partitions, which stay" in kept


async def test_replicas_that_are_missing_are_told_and_the_topic_still_takes_events(kafka: Kafka) -> None:
    """One broker has one replica of each topic, whatever the factor asked for."""
    await _declare(kafka, [Topic("orders", FOR_EVER)])
    (said,) = await _declare(kafka, [Topic("orders", FOR_EVER)], replication_factor=3)
    assert "WARNING: has 1 replica, not 3" in said
    assert "kafka-reassign-partitions" in said
    assert "as it should be" not in said
    assert (await _config(kafka, "orders"))["min.insync.replicas"] == "1"


async def test_a_topic_that_can_take_no_event_is_told(kafka: Kafka) -> None:
    await _declare(kafka, [Topic("orders", FOR_EVER | {"min.insync.replicas": "2"})])
    (said,) = await _declare(kafka, [Topic("orders", FOR_EVER)])
    assert "WARNING: takes no event" in said


@pytest.mark.parametrize(("replicas", "in_sync"), [(1, None), (2, None), (3, "2"), (5, "2")])
def test_more_replicas_than_there_are_never_have_to_be_in_sync(replicas: int, in_sync: str | None) -> None:
    configs = topics.configs(Topic("orders", FOR_EVER), replicas)
    assert configs.get("min.insync.replicas") == in_sync
    assert configs.items() >= FOR_EVER.items()


async def test_the_command_says_what_it_does(kafka: Kafka) -> None:
    done = _command({"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "SHOP_TOPIC_PREFIX": kafka.prefix})
    assert done.returncode == 0, done.stderr
    assert f"{kafka.topic('orders')}: created with 4 partitions" in done.stdout


def test_the_command_says_that_the_broker_is_not_there() -> None:
    done = _command({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert done.returncode == 1
    assert "topics were not declared" in done.stderr


async def _declare(
    kafka: Kafka, wanted: Sequence[Topic] = topics.TOPICS, *, partitions: int = 4, replication_factor: int = 1
) -> list[str]:
    said: list[str] = []
    await topics.declare(kafka, wanted, partitions=partitions, replication_factor=replication_factor, say=said.append)
    return said


async def _config(kafka: Kafka, topic: str) -> dict[str, str]:
    async with admin(kafka) as client:
        (answer,) = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, kafka.topic(topic))])
    return {entry[0]: entry[1] for entry in answer.resources[0][4]}


def _command(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "events.topics"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
