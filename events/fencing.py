"""A producer that shuts its predecessor out, at no cost a batch.

Of two relays only one may publish; the other may be a zombie whose last batch is still on its way. Kafka's own fence
is the producer's epoch: ``InitProducerId`` with a transactional id gives the same producer id with the next epoch at
every call. Here only that call is made under the transactional id. The events themselves go out through a plain
idempotent producer that carries the id and epoch so obtained, so there are no transactions, no markers in the log, and
consumers need no ``read_committed``.

What holds (proven on Kafka 4.4 by tests/events/test_fencing.py): as soon as the successor has written to a partition,
the broker refuses every batch of the predecessor there (INVALID_PRODUCER_EPOCH). The successor writes again whatever
the predecessor had no acknowledgement for, so a partition that a late batch is on its way to always gets that write.
A late batch that lands before it is an ordinary duplicate in the right order.

Limits: a broker forgets a transactional id that was idle for ``transactional.id.expiration.ms`` (7 days), hence the
claim is renewed daily (``events.relay``); and it forgets a producer that wrote nothing to a partition for
``producer.id.expiration.ms`` (1 day), so a process frozen in the middle of a batch for longer than that could wake up
unfenced in a partition where nobody wrote meanwhile.

A claim costs a few round trips, once when a relay becomes active and after each failure (the very first one on a new
cluster takes longer: it creates the coordinator's topic).

This is the only module that touches aiokafka's private parts; it says so when they are not there.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from events.kafka import Kafka, apart, no_broker_yet
from events.sending import Outgoing, send_all

MAX_BATCH_BYTES = 256 * 1024
REQUEST_TIMEOUT_MS = 10_000
CLOSE_SECONDS = 5.0


class UnsupportedClient(RuntimeError):
    """The installed aiokafka has other private parts than the ones used here (0.14 has them)."""


class FencedProducer:
    """An idempotent producer (acks=all) under a claimed identity. Get one from ``claim``; each belongs to one owner."""

    def __init__(self, producer: Any, identity: tuple[int, int]) -> None:
        self._producer = producer
        self.identity = identity
        """Producer id and epoch."""

    @classmethod
    async def claim(cls, kafka: Kafka, name: str) -> "FencedProducer":
        """Becomes the one producer called ``name`` (below the prefix); the one before is fenced from then on.

        Raises KafkaError, OSError or TimeoutError (10 s) when the broker cannot be reached.
        """
        async with asyncio.timeout(10):
            identity = await _next_epoch(kafka, f"{kafka.prefix}.{name}")
            producer = AIOKafkaProducer(
                enable_idempotence=True,
                acks="all",
                linger_ms=0,
                max_batch_size=MAX_BATCH_BYTES,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
                **kafka.client_options(),
            )
            _transactions(producer).set_pid_and_epoch(*identity)
            fenced = cls(producer, identity)
            try:
                with no_broker_yet():
                    await producer.start()
            except BaseException:
                await fenced.close()
                raise
        return fenced

    async def send_all(self, records: Sequence[Outgoing]) -> list[KafkaError | None]:
        """Sends and waits: None for each record that all in-sync replicas have, its error for each that was refused;
        ProducerFenced when there is a successor. Retries are the client's own affair, in order, for ever."""
        return await send_all(self._producer, records)

    async def close(self) -> None:
        """Gives up what is not acknowledged yet, and returns even when the broker is gone: connections and sender have
        ``CLOSE_SECONDS`` each."""
        task = self._producer._sender.sender_task
        if task is not None:
            task.cancel()
        self._producer._closed = True
        await apart(self._producer.client.close(), patience=CLOSE_SECONDS)
        if task is not None:
            await asyncio.wait([task], timeout=CLOSE_SECONDS)


async def _next_epoch(kafka: Kafka, transactional_id: str) -> tuple[int, int]:
    claimant = AIOKafkaProducer(transactional_id=transactional_id, **kafka.client_options())
    transactions = _transactions(claimant)
    try:
        with no_broker_yet():
            await claimant.start()
        await transactions.wait_for_pid()
        return transactions.producer_id, transactions.producer_epoch
    finally:
        await FencedProducer(claimant, (-1, -1)).close()


def _transactions(producer: Any) -> Any:
    manager = getattr(producer, "_txn_manager", None)
    needed = ("set_pid_and_epoch", "wait_for_pid", "producer_id", "producer_epoch")
    if not all(hasattr(manager, name) for name in needed) or not hasattr(producer, "_sender"):
        raise UnsupportedClient("aiokafka's transaction manager is not that of 0.14: events/fencing.py must be adapted")
    return manager
