"""A read model for tests: of every product the highest version, and how many changes it has seen (which is wrong as
soon as one is counted twice). ``python -m tests.events.tally URL KAFKA PREFIX`` runs its Faust worker."""

import sys
from collections.abc import Collection, Sequence
from typing import Any

from events import faust_worker, standing
from events.catalogue import Event, ProductChanged
from events.envelope import Envelope
from events.kafka import Kafka
from kit.database import Connection

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
            if envelope.data.stock < 0:
                raise ValueError("no shop has less than nothing")
            await connection.raw.execute(
                "INSERT INTO tally VALUES ($1, $2, 1) ON CONFLICT (product_id) DO UPDATE "
                "SET version = greatest(tally.version, excluded.version), seen = tally.seen + 1",
                envelope.data.product_id,
                envelope.sequence,
            )


async def ready(connection: Connection) -> None:
    await connection.raw.execute("INSERT INTO ready DEFAULT VALUES")


if __name__ == "__main__":
    standing.CHECK_SECONDS = 1.0
    url, bootstrap_servers, prefix = sys.argv[1:]
    faust_worker.run(Tally(), kafka=Kafka(bootstrap_servers, prefix), database_url=url, on_ready=ready)
