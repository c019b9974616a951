"""Where Kafka is and what our topics are called there."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka.errors import KafkaConnectionError, KafkaError, NodeNotReadyError

from kit.kafka_security import KafkaSecurity
from kit.kafka_settings import KafkaSettings


@dataclass(frozen=True)
class Kafka:
    """``bootstrap_servers`` as ``host:port[,host:port]``; ``prefix`` stands before every topic and group name."""

    bootstrap_servers: str
    prefix: str = "shop"
    security: KafkaSecurity = field(default_factory=KafkaSecurity)

    @classmethod
    def of(cls, settings: KafkaSettings) -> "Kafka":
        """Where a process was told that it is."""
        return cls(settings.kafka_bootstrap_servers, settings.topic_prefix, settings.kafka_security)

    def topic(self, name: str) -> str:
        """The broker's name of a logical topic: ``orders`` is ``shop.orders``."""
        return f"{self.prefix}.{name}"

    def group(self, consumer: str) -> str:
        """The consumer group of a consumer; stable, so that it goes on where it stopped."""
        return f"{self.prefix}.{consumer}"

    def client_options(self) -> dict[str, Any]:
        """What every aiokafka client needs to connect; may contain a password. Raises KafkaConnectionError when a file
        that the security settings name is not there any more."""
        try:
            return {"bootstrap_servers": self.bootstrap_servers, **self.security.client_options()}
        except OSError as error:
            raise KafkaConnectionError(f"the files for the connection to Kafka cannot be read: {error}") from error


@contextmanager
def no_broker_yet() -> Iterator[None]:
    """Around calls of aiokafka clients: a broker that has just come up may name no broker at all, and aiokafka, which
    takes one for granted, asserts. Here that is NodeNotReadyError, which passes by itself."""
    try:
        yield
    except (AssertionError, AttributeError) as error:
        last = error.__traceback__
        while last is not None and last.tb_next is not None:
            last = last.tb_next
        if last is None or "aiokafka" not in last.tb_frame.f_globals.get("__name__", ""):
            raise
        raise NodeNotReadyError(f"the cluster names no broker yet ({error})") from error


async def stop(client: Any, *, patience: float = 5.0) -> None:
    """Stops an aiokafka client, and waits ``patience`` seconds at most for a broker that is gone.

    In a task of its own: aiokafka's ``stop`` can raise the CancelledError of a fetch that it ended itself, and the
    caller would take that for its own end.
    """
    stopping = asyncio.ensure_future(client.stop())
    done, _ = await asyncio.wait([stopping], timeout=patience)
    if not done:
        stopping.cancel()
        await asyncio.wait([stopping], timeout=1.0)
        return
    error = None if stopping.cancelled() else stopping.exception()
    if error is not None and not isinstance(error, OSError | KafkaError):
        raise error


async def apart(closing: Coroutine[Any, Any, None], *, patience: float = 5.0) -> None:
    """Runs aiokafka's ``close`` in a task of its own: it swallows the CancelledError of whoever waits in it, who then
    never ends. Waits ``patience`` seconds at most."""
    task = asyncio.ensure_future(closing)
    done, _ = await asyncio.wait([task], timeout=patience)
    if done:
        task.result()
