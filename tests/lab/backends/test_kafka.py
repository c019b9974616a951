"""The embedded broker, for real."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from lab.backends import BackendError, KafkaBroker, jars
from lab.supervision import AlreadyRunning, Home, StartFailed


async def write(address: str, *values: bytes) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        if "facts" not in await admin.list_topics():
            await admin.create_topics([NewTopic("facts", 1, 1)])
    finally:
        await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=address, acks="all") as producer:
        for value in values:
            await producer.send_and_wait("facts", value, partition=0)


async def read(address: str) -> list[bytes]:
    part = TopicPartition("facts", 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([part])
        await consumer.seek_to_beginning(part)
        end = (await consumer.end_offsets([part]))[part]
        values: list[bytes] = []
        while len(values) < end:
            values.append((await asyncio.wait_for(consumer.getone(), 10)).value)
        return values
    finally:
        await consumer.stop()


async def setting(address: str, name: str) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.BROKER, "1", {name: None})])
        return str(answer.resources[0][4][0][1])
    finally:
        await admin.close()


def test_what_was_acknowledged_survives_kill_minus_nine_and_clients_find_it_at_the_same_port(
    broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.start()
    address = broker.bootstrap_servers
    asyncio.run(write(address, b"one", b"two"))
    assert broker.pid
    os.kill(broker.pid, signal.SIGKILL)
    broker.kill()
    assert not broker.alive
    monkeypatch.setattr(jars, "_resolve_into", lambda *arguments: pytest.fail("resolved again"))
    broker.start()
    assert broker.bootstrap_servers == address
    assert asyncio.run(read(address)) == [b"one", b"two"]

    broker.stop()
    with socket.create_server(("127.0.0.1", broker.port)):
        broker.start()
    assert broker.bootstrap_servers != address
    assert asyncio.run(read(broker.bootstrap_servers)) == [b"one", b"two"]


def test_a_broker_that_cannot_start_says_why(home: Home) -> None:
    KafkaBroker(home).prepare()
    with pytest.raises(StartFailed, match=r"(?s)ended with exit code 1.*num\.network\.threads"):
        KafkaBroker(home, {"num.network.threads": "many"}).start()


def test_a_port_that_the_user_named_is_not_replaced(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("SHOP_KAFKA_PORT", str(taken.getsockname()[1]))
        with pytest.raises(BackendError, match=r"SHOP_KAFKA_PORT\) is taken"):
            KafkaBroker(home).spec()
    monkeypatch.setenv("SHOP_KAFKA_PORT", "none")
    with pytest.raises(BackendError, match="not a port: 'none'"):
        KafkaBroker(home).spec()


def test_two_homes_run_side_by_side_and_a_callers_properties_win(new_home: Callable[[], Home], home: Home) -> None:
    mine = KafkaBroker(home)
    yours = KafkaBroker(new_home(), {"offsets.retention.minutes": "7", "offsets.retention.check.interval.ms": "500"})
    mine.start()
    try:
        yours.start()
        asyncio.run(write(mine.bootstrap_servers, b"mine"))
        asyncio.run(write(yours.bootstrap_servers, b"yours"))
        assert asyncio.run(read(mine.bootstrap_servers)) == [b"mine"]
        assert asyncio.run(read(yours.bootstrap_servers)) == [b"yours"]
        assert asyncio.run(setting(yours.bootstrap_servers, "offsets.retention.minutes")) == "7"
        assert asyncio.run(setting(yours.bootstrap_servers, "auto.create.topics.enable")) == "false"
        with pytest.raises(AlreadyRunning, match=str(mine.pid)):
            KafkaBroker(home).start()
    finally:
        yours.kill()
        mine.kill()
