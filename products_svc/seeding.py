"""The catalogue that a new shop starts with."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from events.outbox import Outbox
from kit.database import Database
from products_svc.catalogue import Catalogue
from products_svc.schemas import CatalogueEntry
from products_svc.settings import ProductsSettings

DEFAULT = tuple(
    CatalogueEntry(id=number, name=name, price=number * 10_000, stock=number * 1_000_000)
    for number, name in enumerate(("TV", "MASK", "NOTEBOOK", "TABLE", "CLOCK"), 1)
)
"""The original lab's five products; prices in cents."""

_ENTRIES = TypeAdapter(list[CatalogueEntry])


class CatalogueError(Exception):
    """The catalogue file cannot be used; nothing was seeded."""


async def seed(settings: ProductsSettings, catalogue: Path | None = None) -> int:
    """Puts the products in that are not there yet; how many it were. In the wiring ``events`` they are announced: the
    events wait in the outbox for the service's relay.

    ``catalogue`` is a JSON file, a list of objects with id, name, price (cents), stock and imageUrl; without it the
    default catalogue is used. Raises CatalogueError.
    """
    return await put_in(settings, DEFAULT if catalogue is None else read(catalogue))


async def put_in(settings: ProductsSettings, entries: Sequence[CatalogueEntry], *, at: datetime | None = None) -> int:
    """The same with entries that are at hand; ``at`` is the business time from which on they are sold, None: now."""
    database = Database(settings.database_url, min_size=1, max_size=1, application="products seed")
    await database.open()
    try:
        outbox = Outbox(database, wake=_nobody)
        begin = outbox.transaction if settings.wiring == "events" else database.transaction
        return await Catalogue(begin).seed(entries, at=at)
    finally:
        await database.close()


def read(path: Path) -> tuple[CatalogueEntry, ...]:
    """The entries of a catalogue file. Raises CatalogueError."""
    try:
        entries = _ENTRIES.validate_python(json.loads(path.read_bytes()))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CatalogueError(f"{path}: {error.error_count()} faults, the first at {where}: {first['msg']}") from error
    except (OSError, ValueError) as error:
        raise CatalogueError(f"{path}: {error}") from error
    ids = [entry.id for entry in entries]
    if len(set(ids)) != len(ids):
        twice = next(number for number in ids if ids.count(number) > 1)
        raise CatalogueError(f"{path}: product {twice} is in it more than once")
    return tuple(entries)


def _nobody() -> None:
    """There is no relay in this process; the service's own finds the events at its next poll."""
