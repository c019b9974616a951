"""What one service's credentials allow, on a broker that refuses everything else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from aiokafka.protocol.admin import CreateAclsRequest

from events.access import ACCESS, Operation, Resource, grants
from events.fencing import FencedProducer
from events.kafka import Kafka, stop
from events.refusals import explained, quiet_client_logs
from events.sending import Outgoing
from kit.kafka_security import KafkaSecurity
from tests.security.conftest import declare
from tests.security.secure_kafka import SecureBroker
from tests.tls import Authority

USERS = [access.user for access in ACCESS]
TABLE = {access.user: access for access in ACCESS}
TOPICS = sorted({topic for access in ACCESS for topic in (*access.publishes, *access.keeps)})
CONSUMERS = sorted({consumer for access in ACCESS for consumer in access.consumers})


@pytest.fixture(autouse=True)
def _declared(declared: str) -> None:
    assert "WARNING" not in declared


@pytest.fixture(scope="module")
def written(broker: SecureBroker, declared: str) -> None:
    """There is a record on every topic, from the service that it belongs to."""

    async def write() -> None:
        for user, access in TABLE.items():
            await publish(broker.kafka(user), [*access.publishes, *access.keeps])

    asyncio.run(write())


async def publish(kafka: Kafka, topics: list[str]) -> dict[str, KafkaError | None]:
    """As the relay does it, one record a topic; what became of each."""
    user = kafka.security.username
    producer = await FencedProducer.claim(kafka, f"relay.{user}")
    try:
        records = [Outgoing(kafka.topic(topic), b"key", b"value", []) for topic in topics]
        return dict(zip(topics, await producer.send_all(records), strict=True))
    finally:
        await producer.close()


@asynccontextmanager
async def consumer(kafka: Kafka, *topics: str, **options: Any) -> AsyncIterator[Any]:
    options |= {"enable_auto_commit": False, "auto_offset_reset": "earliest"}
    made = AIOKafkaConsumer(*topics, **kafka.client_options(), **options)
    try:
        await made.start()
        yield made
    finally:
        await stop(made)


@pytest.mark.parametrize("user", USERS)
async def test_a_service_can_write_its_own_topics_and_no_other(broker: SecureBroker, user: str) -> None:
    results = await publish(broker.kafka(user), TOPICS)
    own = {*TABLE[user].publishes, *TABLE[user].keeps}
    assert {topic for topic, error in results.items() if error is None} == own
    refused = {type(error) for topic, error in results.items() if topic not in own}
    assert refused == {TopicAuthorizationFailedError}


@pytest.mark.parametrize("user", USERS)
@pytest.mark.usefixtures("written")
async def test_a_service_can_read_its_own_topics_and_what_its_consumers_read_and_nothing_else(
    broker: SecureBroker, user: str
) -> None:
    kafka, readable = broker.kafka(user), set()
    for topic in TOPICS:
        try:
            async with consumer(kafka, kafka.topic(topic)) as reader:
                assert await reader.getmany(timeout_ms=30_000)
            readable.add(topic)
        except TopicAuthorizationFailedError:
            pass
    needed = {topic for topics in TABLE[user].consumers.values() for topic in topics}
    assert readable == needed | {*TABLE[user].publishes, *TABLE[user].keeps}


@pytest.mark.parametrize("user", USERS)
async def test_a_service_can_use_its_own_consumer_groups_and_no_other(broker: SecureBroker, user: str) -> None:
    kafka, usable = broker.kafka(user), set()
    topics = sorted({topic for topics in TABLE[user].consumers.values() for topic in topics})
    for name in CONSUMERS:
        async with consumer(kafka, group_id=kafka.group(name)) as member:
            at = TopicPartition(kafka.topic(topics[0]), 0)
            member.assign([at])
            try:
                await member.commit({at: 0})
                usable.add(name)
            except GroupAuthorizationFailedError:
                pass
    assert usable == set(TABLE[user].consumers)


async def test_a_service_cannot_join_anothers_group(broker: SecureBroker) -> None:
    kafka = broker.kafka("orders")
    async with consumer(kafka, group_id=kafka.group("products")) as member:
        member.subscribe([kafka.topic("orders")])  # which orders may read
        with pytest.raises(GroupAuthorizationFailedError):
            await member.getmany(timeout_ms=30_000)


@pytest.mark.parametrize("user", USERS)
async def test_a_service_cannot_claim_anothers_transactional_id(broker: SecureBroker, user: str) -> None:
    for other in USERS:
        if other != user:
            with pytest.raises(TransactionalIdAuthorizationFailed):
                await FencedProducer.claim(broker.kafka(user), f"relay.{other}")


async def test_a_certificate_is_as_good_as_a_password(broker: SecureBroker) -> None:
    kafka = broker.certified("orders")
    producer = await FencedProducer.claim(kafka, "relay.orders")
    try:
        own, anothers = (Outgoing(kafka.topic(topic), b"key", b"value", []) for topic in ("orders", "stock"))
        accepted, refused = await producer.send_all([own, anothers])
    finally:
        await producer.close()
    assert accepted is None
    assert isinstance(refused, TopicAuthorizationFailedError)


async def test_without_its_certificate_nobody_gets_in(broker: SecureBroker) -> None:
    kafka = broker.certified("orders")
    bare = replace(kafka, security=replace(kafka.security, certfile=None, keyfile=None))
    with pytest.raises((KafkaConnectionError, TimeoutError)):
        await FencedProducer.claim(bare, "relay.orders")


async def test_who_shows_no_credentials_can_do_nothing(broker: SecureBroker) -> None:
    anonymous = Kafka(broker.bootstrap_servers)
    with pytest.raises(TransactionalIdAuthorizationFailed):
        await FencedProducer.claim(anonymous, "relay.orders")
    async with consumer(anonymous) as reader:
        assert await reader.topics() == set()


async def test_a_broker_signed_by_somebody_else_is_not_talked_to(
    broker: SecureBroker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    quiet_client_logs()
    stranger = Authority.create(tmp_path_factory.mktemp("stranger"), "a stranger")
    kafka = broker.kafka("orders")
    kafka = replace(kafka, security=replace(kafka.security, cafile=stranger.certificate))
    with pytest.raises(KafkaConnectionError) as refused:
        await FencedProducer.claim(kafka, "relay.orders")
    assert "CERTIFICATE_VERIFY_FAILED" in explained(refused.value)
    assert "check KAFKA_SSL_CAFILE" in explained(refused.value)


async def test_a_plain_connection_to_the_secure_listener_comes_to_nothing(broker: SecureBroker) -> None:
    with pytest.raises((KafkaConnectionError, TimeoutError)):
        await FencedProducer.claim(Kafka(broker.secure_servers, security=KafkaSecurity()), "relay.orders")


def test_declaring_says_each_permission_once_and_changes_nothing_the_second_time(
    broker: SecureBroker, declared: str
) -> None:
    wanted = grants("shop")
    for grant in wanted:
        assert f"  {grant}: granted\n" in declared
    assert f"  {len(wanted)} permissions: as they should be\n" in declare(broker)
    assert "granted" not in declare(broker)


async def test_a_permission_that_the_table_does_not_know_is_told_and_stays(broker: SecureBroker) -> None:
    declare(broker, SHOP_TOPIC_PREFIX="stray")
    client: Any = AIOKafkaClient(**broker.kafka("admin").client_options())
    await client.bootstrap()
    entry = (Resource.TOPIC, "stray.orders", 3, "User:eve", "*", Operation.READ, 3)
    await client.send(client.get_random_node(), CreateAclsRequest(*entry))
    await client.close()
    told = "WARNING: User:eve may READ topic stray.orders, which is not in events/access.py; it stays"
    assert told in declare(broker, SHOP_TOPIC_PREFIX="stray")
    assert told in declare(broker, SHOP_TOPIC_PREFIX="stray")


def test_only_an_administrator_declares(broker: SecureBroker) -> None:
    said = declare(broker, "orders", SHOP_TOPIC_PREFIX="usurped")
    assert "topics were not declared" in said
    assert "AuthorizationFailed" in said
