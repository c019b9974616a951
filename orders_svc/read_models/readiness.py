"""Whether a read model has once held everything: until then nobody is answered from it."""

from sqlalchemy import bindparam, func, select

from kit.database import Connection, Query, bulk_insert, columns_of
from orders_svc.read_models.tables import read_models

_mark = bulk_insert(read_models, "name", "ready_at")
_MARK = Query(
    _mark.on_conflict_do_update(
        index_elements=[read_models.c.name],
        set_={"ready_at": func.coalesce(read_models.c.ready_at, _mark.excluded.ready_at)},
    )
)
_NOW = Query(func.clock_timestamp().select())
_READY = Query(select(func.count()).where(read_models.c.name == bindparam("name"), read_models.c.ready_at.is_not(None)))


async def mark_ready(connection: Connection, name: str) -> None:
    """From now on orders answers from it. Marking again changes nothing."""
    now = await connection.fetch_value(_NOW)
    await connection.execute(_MARK, **columns_of(("name", "ready_at"), [(name, now)]))


async def is_ready(connection: Connection, name: str) -> bool:
    return bool(await connection.fetch_value(_READY, name=name))
