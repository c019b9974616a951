"""The tables in which a read model is built anew, beside the live ones: made, compared, renamed.

Nobody reads them before they are renamed. What an interrupted rebuild has left behind is dropped by the next one.
"""

from collections.abc import Sequence
from typing import Any

from events.merged_model import MergedModel
from events.merging import Merged, Summed
from lab.replay.outcome import NAMED, Digest, Proof

REBUILT = "_rebuilt"


class Shadow:
    """``model`` is the live one; ``rebuilt`` is the same, writing to tables of its own (name + ``suffix``). Everything
    runs on the connection that is given, in whatever transaction it is in."""

    def __init__(self, connection: Any, model: MergedModel, suffix: str = REBUILT) -> None:
        self._connection = connection
        self.model = model
        self.rebuilt = model.renamed(lambda name: f"{name}{suffix}")
        self._pairs: list[tuple[Merged | Summed, Merged | Summed]] = [
            *zip(model.tables, self.rebuilt.tables, strict=True),
            *zip(model.sums, self.rebuilt.sums, strict=True),
        ]

    async def create(self) -> None:
        """Empty tables, with all that belongs to the live ones (keys, indexes, defaults)."""
        await self.drop()
        for live, new in self._pairs:
            await self._connection.execute(f"CREATE TABLE {new.name} (LIKE {live.name} INCLUDING ALL)")

    async def drop(self) -> None:
        for _, new in self._pairs:
            await self._connection.execute(f"DROP TABLE IF EXISTS {new.name}")

    async def analyze(self) -> None:
        """So that what is asked of the new tables is planned as of the old ones."""
        for _, new in self._pairs:
            await self._connection.execute(f"ANALYZE {new.name}")

    async def compare(self) -> list[Proof]:
        """Live against rebuilt, table by table: all columns but those that a table fills by itself."""
        return [await self._compare(live, new) for live, new in self._pairs]

    async def swap(self) -> None:
        """The rebuilt tables take the place of the live ones, under their names and those of their indexes. Wants an
        exclusive lock on each; set ``lock_timeout`` before."""
        for live, new in self._pairs:
            indexes = await self._indexes(live.name), await self._indexes(new.name)
            await self._connection.execute(f"DROP TABLE {live.name}; ALTER TABLE {new.name} RENAME TO {live.name}")
            for definition, name in indexes[1].items():
                await self._connection.execute(f'ALTER INDEX "{name}" RENAME TO "{indexes[0][definition]}"')

    async def _compare(self, live: Merged | Summed, new: Merged | Summed) -> Proof:
        one, other = await self._digest(live), await self._digest(new)
        return Proof(live.name, one, other, {} if one == other else await self._differences(live, new))

    async def _digest(self, table: Merged | Summed) -> Digest:
        hashed = f"hashtextextended(row({', '.join(table.columns)})::text, 0)"
        row = await self._connection.fetchrow(
            f"SELECT count(*) AS rows, coalesce(sum({hashed}), 0)::text AS sum FROM {table.name}"
        )
        return Digest(row["rows"], row["sum"])

    async def _differences(self, live: Merged | Summed, new: Merged | Summed) -> dict[str, str]:
        values = [name for name in live.columns if name not in live.key]
        keys = ", ".join(f"coalesce(l.{name}, n.{name}) AS k{number}" for number, name in enumerate(live.key))
        pairs = ", ".join(f"l.{name}::text AS l_{name}, n.{name}::text AS n_{name}" for name in values)
        sides = [", ".join(f"{side}.{name}" for name in live.columns) for side in ("l", "n")]
        order = ", ".join(str(number + 1) for number in range(len(live.key)))
        rows = await self._connection.fetch(
            f"SELECT {keys}, l.{live.key[0]} IS NULL AS only_new, n.{live.key[0]} IS NULL AS only_live, {pairs} "
            f"FROM {live.name} l FULL JOIN {new.name} n USING ({', '.join(live.key)}) "
            f"WHERE ROW({sides[0]}) IS DISTINCT FROM ROW({sides[1]}) ORDER BY {order} LIMIT {NAMED}"
        )
        return {_key(live.key, row): _difference(values, row) for row in rows}

    async def _indexes(self, table: str) -> dict[str, str]:
        """What an index is (without names) -> its name."""
        rows = await self._connection.fetch(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = $1 AND schemaname = current_schema()", table
        )
        return {row["indexdef"].partition(" USING ")[2]: row["indexname"] for row in rows}


def _key(names: Sequence[str], row: Any) -> str:
    return ", ".join(f"{name.removesuffix('_id')} {row[f'k{number}']}" for number, name in enumerate(names))


def _difference(values: Sequence[str], row: Any) -> str:
    if row["only_new"]:
        return "missing in the live model"
    if row["only_live"]:
        return "only in the live model"
    said = [f"{name}: live {row[f'l_{name}']}, rebuilt {row[f'n_{name}']}" for name in values if _differs(name, row)]
    return "; ".join(said)


def _differs(name: str, row: Any) -> bool:
    return bool(row[f"l_{name}"] != row[f"n_{name}"])
