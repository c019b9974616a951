"""Do new orders keep arriving? Told by the newest order's id, which costs a look at one end of an index."""

LONG_ENOUGH = 3.0
"""Seconds that orders must have been arriving for: one customer is no load."""
RECENT = 1.0
"""Seconds after the last arrival from which on there is no load any more."""


class Arrivals:
    """Orders' ids ascend with time (UUIDv7), so another newest id is an arrival; orders that grow old are none. The
    first look only says what was there before. Times are seconds of any one clock."""

    def __init__(self) -> None:
        self._newest: object = None
        self._looked = False
        self._began: float | None = None
        self._last = 0.0

    def note(self, newest: object, now: float) -> None:
        """``newest`` is the id of the newest order as seen at ``now``."""
        if self._looked and newest != self._newest:
            if self._began is None or now - self._last >= RECENT:
                self._began = now  # after a silence they begin anew
            self._last = now
        self._newest, self._looked = newest, True

    def go_on(self, now: float) -> bool:
        """Whether they have gone on for ``LONG_ENOUGH`` and the last one was less than ``RECENT`` ago."""
        return self._began is not None and now - self._began >= LONG_ENOUGH and now - self._last < RECENT
