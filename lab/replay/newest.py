"""Of each key only the event with the highest version, so that few of many need to be decoded."""

from collections.abc import Sequence
from typing import Any

from events.arrivals import Record
from events.envelope import Malformed, type_of
from events.merged_model import MergedModel
from lab.replay.outcome import Counts

Candidate = tuple[int, Record]


class Newest:
    """Keeps the newest record of each key, raw, by the version in its header. Memory: one record a key.

    For models in which an event replaces all that was said of its key before (``MergedModel.newest_only``). Those that
    are superseded are counted, and never decoded. Whether a survivor can be decoded is for the caller to find out; if
    not, the next best of its key has to be looked for.
    """

    def __init__(self, model: MergedModel, counts: Counts) -> None:
        self._newest: dict[bytes, Candidate] = {}
        self._counts = counts
        self._handled = {event.type_name() for event in model.events}
        self._kinds: dict[bytes | None, bool] = {}
        self._type_at, self._sequence_at = 3, 6

    def take(self, records: Sequence[Record]) -> list[Record]:
        """Keeps what is newest so far. What cannot be judged by its headers is returned, uncounted: it wants the usual
        reading."""
        newest, kinds, odd = self._newest, self._kinds, []
        type_at, sequence_at = self._type_at, self._sequence_at
        superseded = 0
        for record in records:
            headers = record.headers
            try:
                (type_name, wire_type), (sequence_name, raw) = headers[type_at], headers[sequence_at]
                if type_name != "ce_type" or sequence_name != "ce_sequence":
                    type_at, sequence_at = self._look(headers)
                    wire_type, raw = headers[type_at][1], headers[sequence_at][1]
                sequence = int(raw)  # type: ignore[arg-type]  # None is a TypeError
                key = record.key
                ours = kinds[wire_type]
            except (IndexError, ValueError, TypeError):
                odd.append(record)
                continue
            except KeyError:
                ours = kinds[wire_type] = self._is_handled(headers)
            if not ours or key is None:
                odd.append(record)
                continue
            known = newest.get(key)
            if known is None:
                newest[key] = (sequence, record)
                continue
            superseded += 1
            if sequence > known[0]:
                newest[key] = (sequence, record)
        self._type_at, self._sequence_at = type_at, sequence_at
        self._counts.read += superseded
        self._counts.superseded += superseded
        return odd

    def survivors(self) -> list[Record]:
        """The newest of each key; they are not kept any more, and not counted yet."""
        found = [record for _, record in self._newest.values()]
        self._newest.clear()
        return found

    def is_odd(self, record: Record) -> bool:
        """Whether ``take`` would return it."""
        try:
            _, sequence_at = self._look(record.headers)
            int(record.headers[sequence_at][1] or b"")
        except ValueError:
            return True
        return record.key is None or not self._is_handled(record.headers)

    def _look(self, headers: Sequence[tuple[str, Any]]) -> tuple[int, int]:
        """Where type and sequence are in these headers. Raises ValueError when one of them is missing."""
        names = [name for name, _ in headers]
        return names.index("ce_type"), names.index("ce_sequence")

    def _is_handled(self, headers: Sequence[tuple[str, Any]]) -> bool:
        """Any version of a handled type: whether it can be read is found out when it survives."""
        try:
            return type_of(headers)[0] in self._handled
        except Malformed:
            return False
