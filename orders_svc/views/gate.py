"""Who may look into a read model: everybody, once it has held everything; nobody where there are no events."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kit.database import Connection, Database
from kit.problems import Problem, unavailable
from kit.settings import Wiring
from orders_svc.read_models import readiness


class Gate:
    """Opens connections for looking into a read model."""

    def __init__(self, database: Database, wiring: Wiring) -> None:
        self._database = database
        self._wiring = wiring
        self._complete: set[str] = set()

    @asynccontextmanager
    async def open(self, model: str) -> AsyncIterator[Connection]:
        """A connection. Problems: 501 in a wiring without events, of which no read model could be built; 503 as long
        as the model has never been complete: half of it is never shown."""
        if self._wiring != "events":
            raise needs_events(model, self._wiring)
        async with self._database.connection() as connection:
            if model not in self._complete:
                if not await readiness.is_ready(connection, model):
                    raise unavailable(f"{model} has not reached the ends of its topics yet")
                self._complete.add(model)
            yield connection


def needs_events(model: str, wiring: str) -> Problem:
    detail = (
        f"{model} is built from events, and the wiring {wiring} publishes none: look at a shop that is wired by events"
    )
    return Problem(501, "needs-events", "Not in this wiring", detail, wiring=wiring)
