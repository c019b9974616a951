"""``python -m tests.events.again URL``: handles what is requeued of the consumer ``products``, as a process that can be
killed. Its handler notes the event, announces an answer, and stands still while somebody holds the gate."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from events.catalogue import OrderPlaced, StockReserved
from events.envelope import Envelope, record
from events.outbox import Outbox, Transaction
from events.requeued import requeued_reactions
from kit.database import Database
from tests.events.stand import NOON, note

GATE = 4711
"""An advisory lock of PostgreSQL's: who holds it stops the handler behind its effects, before its commit."""


async def answer(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
    await note(transaction, envelopes)
    transaction.record(
        record(StockReserved(order_id=e.data.order_id, product_id=2, quantity=1), sequence=1, time=NOON)
        for e in envelopes
    )
    await transaction.raw.execute("SELECT pg_advisory_xact_lock_shared($1)", GATE)


async def main(url: str) -> None:
    database = Database(url, min_size=1, max_size=2, application="again")
    await database.open()
    await requeued_reactions("products", Outbox(database, lambda: None), {OrderPlaced: answer}).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
