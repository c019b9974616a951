"""Reading what the processes of a shop wrote of sampled traces (``kit.spans``)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Line:
    """One span as it stands in the file. ``began`` is Unix time in seconds, ``took_ms`` milliseconds."""

    span: str
    parent: str
    who: str
    kind: str
    what: str
    began: float
    took_ms: float
    ok: bool = True
    says: str | None = None
    to: str | None = None

    @property
    def ended(self) -> float:
        """Unix time."""
        return self.began + self.took_ms / 1000


def read_lines(path: Path, trace: str) -> Iterator[Line]:
    """The spans of the trace with that id, in the order in which they ended. A file that is not there has none; what a
    dying machine left of a line is passed over."""
    if not path.exists():
        return
    with open(path, "rb") as file:
        for raw in file:
            if trace.encode() not in raw:
                continue
            try:
                found: dict[str, Any] = orjson.loads(raw)
            except orjson.JSONDecodeError:
                continue
            if found.pop("trace") == trace:
                yield Line(**found)
