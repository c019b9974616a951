"""The file that a process appends its spans to, and traces for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from kit import spans

SAMPLED = f"00-{'a1' * 16}-{'b2' * 8}-01"
UNSAMPLED = f"00-{'a1' * 16}-{'b2' * 8}-00"


@contextmanager
def recorded(folder: Path, who: str) -> Iterator[Path]:
    """Within the block this process is ``who``, and appends its spans to that file."""
    path = folder / "spans.jsonl"
    spans.record_to(str(path), who)
    try:
        yield path
    finally:
        spans.record_to(None, who)


def lines(file: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in file.read_bytes().splitlines()]
