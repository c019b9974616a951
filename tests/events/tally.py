"""A read model for tests: of every product the highest version, and how many changes it has seen (which is wrong as
soon as one is counted twice). ``python -m tests.events.tally URL KAFKA PREFIX`` runs its Faust worker. Stock
below ``TALLY_LOWEST`` (0, if the environment does not say) is poison to it."""

import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from events import faust_worker, standing
from events.catalogue import Event, ProductChanged
from events.envelope import Envelope
from events.kafka import Kafka
from kit.database import Connection
from tests.events.stand import Stand

TABLE = (
    "CREATE TABLE tally (product_id bigint PRIMARY KEY, version bigint NOT NULL, seen bigint NOT NULL);"
    "CREATE TABLE ready (at timestamptz NOT NULL DEFAULT clock_timestamp())"
)


class Tally:
    name: str = "tally"
    topics: Sequence[str] = ("products",)
    events: Collection[type[Event]] = (ProductChanged,)

    async def apply(self, connection: Connection, envelopes: Sequence[Envelope[Any]]) -> None:
        for envelope in sorted(envelopes, key=lambda e: e.data.product_id):
            if envelope.data.stock < int(os.environ.get("TALLY_LOWEST", "0")):
                raise ValueError("no shop has less than nothing")
            await connection.raw.execute(
                "INSERT INTO tally VALUES ($1, $2, 1) ON CONFLICT (product_id) DO UPDATE "
                "SET version = greatest(tally.version, excluded.version), seen = tally.seen + 1",
                envelope.data.product_id,
                envelope.sequence,
            )


async def ready(connection: Connection) -> None:
    await connection.raw.execute("INSERT INTO ready DEFAULT VALUES")


@contextmanager
def worker(shop: Stand, *, lowest: int = 0) -> Iterator["subprocess.Popen[bytes]"]:
    """The read model's worker as a process; killed at the end if it still runs."""
    command = [sys.executable, "-m", "tests.events.tally", shop.url, shop.kafka.bootstrap_servers, shop.kafka.prefix]
    process = subprocess.Popen(command, env=os.environ | {"TALLY_LOWEST": str(lowest)})
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()


if __name__ == "__main__":
    standing.CHECK_SECONDS = 1.0
    url, bootstrap_servers, prefix = sys.argv[1:]
    faust_worker.run(Tally(), kafka=Kafka(bootstrap_servers, prefix), database_url=url, on_ready=ready)
