"""A cluster that has just come up answers, and names no broker. Whoever wants to work waits for one."""

import asyncio
import gc
import logging
import ssl
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, SaslAuthenticationFailed

from events.failures import is_transient
from events.fencing import FencedProducer
from events.kafka import Kafka, no_broker_yet
from events.log_bounds import log_bounds, pull_back_group
from events.refusals import Refusals

API_VERSIONS, METADATA = 18, 3
SUPPORTED = {METADATA: (0, 1), API_VERSIONS: (0, 0), 10: (0, 1), 19: (0, 1), 22: (0, 0), 1: (0, 4), 2: (0, 1)}


@pytest.fixture
async def empty_cluster() -> AsyncIterator[Kafka]:
    """Speaks Kafka's protocol as far as such a broker does: it knows no broker, no controller and no topic."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                key, version, correlation = struct.unpack(">hhi", (await reader.readexactly(size))[:8])
                body = struct.pack(">hi", 0, len(SUPPORTED)) + b"".join(
                    struct.pack(">hhh", api, *versions) for api, versions in SUPPORTED.items()
                )
                if key == METADATA:
                    body = struct.pack(">iii", 0, -1, 0) if version else struct.pack(">ii", 0, 0)
                writer.write(struct.pack(">ii", 4 + len(body), correlation) + body)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield Kafka(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    server.close()
    gc.collect()  # now, not while Python parses something: aiokafka leaves a task whose end nobody asks about


async def test_what_needs_a_broker_fails_in_a_way_that_passes_by_itself(empty_cluster: Kafka) -> None:
    for attempt in (
        FencedProducer.claim(empty_cluster, "relay.orders"),
        log_bounds(empty_cluster, ["orders"]),
        pull_back_group(empty_cluster, "shop.orders", {("shop.orders", 0): 1}),
    ):
        with pytest.raises(KafkaError) as failed:
            await attempt
        assert is_transient(failed.value)


async def test_the_client_itself_asserts(empty_cluster: Kafka) -> None:
    """When this fails, aiokafka has learnt to say it properly, and ``no_broker_yet`` may go."""
    producer: Any = AIOKafkaProducer(transactional_id="shop.relay.orders", **empty_cluster.client_options())
    with pytest.raises(AssertionError):
        await producer.start()
    await producer.client.close()


def test_an_assertion_of_our_own_stays_one() -> None:
    with pytest.raises(AssertionError, match="ours"), no_broker_yet():
        raise AssertionError("ours")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (SaslAuthenticationFailed("no"), "check KAFKA_SASL_USERNAME and its password"),
        (ssl.SSLCertVerificationError("no"), "check KAFKA_SSL_CAFILE"),
        (ssl.SSLError("no"), "check KAFKA_SECURITY_PROTOCOL"),
        (ConnectionRefusedError("no"), None),
        (KafkaConnectionError("no"), None),
    ],
)
def test_a_refusal_is_remembered_with_what_to_check(error: Exception, advice: str | None) -> None:
    refusals = Refusals()
    record = logging.LogRecord("aiokafka", logging.ERROR, "", 0, "Unable connect: %s %s", ("b:1", error), None)
    assert not refusals.filter(record)
    found = refusals.latest()
    assert (advice is None) == (found is None)
    assert advice is None or advice in str(found)
