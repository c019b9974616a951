"""Where a process's output goes: a file that cannot fill the disk, with the last lines at hand."""

from __future__ import annotations

from collections import deque
from pathlib import Path

_LIMIT = 10 * 1024 * 1024
_LONGEST_LINE = 64 * 1024


class LogFile:
    """Appends lines; at 10 MiB the file becomes NAME.log.1 (replacing the one before) and a new one begins."""

    def __init__(self, path: Path, limit: int = _LIMIT) -> None:
        self._path, self._limit = path, limit
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115
        self._size = self._file.tell()
        self._recent: deque[str] = deque(maxlen=20)

    def write(self, line: str) -> None:
        raw = line.encode(errors="replace") + b"\n"
        if self._size + len(raw) > self._limit and self._size:
            self._file.close()
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115
            self._size = 0
        self._file.write(raw)
        self._size += len(raw)
        self._recent.append(line)

    def begin_life(self) -> None:
        """Forgets the recent lines: what follows belongs to a new process."""
        self._recent.clear()

    @property
    def recent(self) -> list[str]:
        """The last lines (up to 20) of the present life."""
        return list(self._recent)

    def close(self) -> None:
        self._file.close()


class LineSplitter:
    """Bytes in, whole lines out; a line over 64 KiB is given in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > _LONGEST_LINE:
            lines.append(self._rest[:_LONGEST_LINE])
            self._rest = self._rest[_LONGEST_LINE:]
        return [line.decode(errors="replace").rstrip("\r") for line in lines]

    def end(self) -> list[str]:
        rest, self._rest = self._rest, b""
        return [rest.decode(errors="replace")] if rest else []


def last_lines(path: Path, count: int = 15) -> list[str]:
    """The end of a log file, or nothing when there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, file.seek(0, 2) - _LONGEST_LINE))
            return [line.decode(errors="replace").rstrip() for line in file.read().splitlines()[-count:]]
    except FileNotFoundError:
        return []
