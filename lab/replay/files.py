"""A table as a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from events.merging import Merged, Summed
from lab.replay.errors import ReplayError


async def write(connection: Any, table: Merged | Summed, file: Path) -> None:
    """The rows in the order of their keys: CSV with a header line, or one JSON object a line (``.jsonl``). A file that
    exists is replaced. Raises ReplayError for another ending, OSError."""
    await writer_of(file)(connection, table, file)


def writer_of(file: Path) -> Callable[[Any, Merged | Summed, Path], Any]:
    """How a file of that ending is written. Raises ReplayError."""
    writers = {".csv": _csv, ".jsonl": _json_lines}
    if file.suffix not in writers:
        raise ReplayError(f"{file}: a file ends in {' or '.join(writers)}, which says how it is written")
    return writers[file.suffix]


async def _csv(connection: Any, table: Merged | Summed, file: Path) -> None:
    await connection.copy_from_query(_query(table), output=file, format="csv", header=True)


async def _json_lines(connection: Any, table: Merged | Summed, file: Path) -> None:
    rows = f"SELECT row_to_json(t)::text FROM ({_query(table)}) t"
    with file.open("w", encoding="utf-8") as lines:
        async for row in connection.cursor(rows, prefetch=1000):
            lines.write(f"{row[0]}\n")


def _query(table: Merged | Summed) -> str:
    return f"SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY {', '.join(table.key)}"
