"""Where Kafka is and what our topics are called there."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from aiokafka.errors import KafkaError


@dataclass(frozen=True)
class Kafka:
    """``bootstrap_servers`` as ``host:port[,host:port]``; ``prefix`` stands before every topic and group name."""

    bootstrap_servers: str
    prefix: str = "shop"

    def topic(self, name: str) -> str:
        """The broker's name of a logical topic: ``orders`` is ``shop.orders``."""
        return f"{self.prefix}.{name}"

    def group(self, consumer: str) -> str:
        """The consumer group of a consumer; stable, so that it goes on where it stopped."""
        return f"{self.prefix}.{consumer}"

    def client_options(self) -> dict[str, Any]:
        """What every aiokafka client needs to connect."""
        return {"bootstrap_servers": self.bootstrap_servers}


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


def quiet_client_logs() -> None:
    """Silences aiokafka's own log lines (ten a second while a broker is away), unless a level was chosen for them.

    Relay and consumers log a loss once and its end once; what matters comes to them as an exception.
    """
    logger = logging.getLogger("aiokafka")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL)
