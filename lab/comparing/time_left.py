"""How long a comparison still takes: by what its rounds were expected to take, and what they really took."""

import time
from collections.abc import Callable, Sequence


class TimeLeft:
    """``expected`` are the seconds of every round in its order, warm-ups too. As rounds go by, the rest is expected to
    be as much slower or faster as they were."""

    def __init__(self, expected: Sequence[float], clock: Callable[[], float] = time.monotonic) -> None:
        self._expected, self._clock = list(expected), clock
        self._began = self._round_began = clock()
        self._done = 0

    @property
    def total(self) -> float:
        """What was expected in the beginning."""
        return sum(self._expected)

    def begins(self, position: int) -> None:
        """Round number ``position`` (from 0) begins, those before it are done."""
        self._done, self._round_began = position, self._clock()

    def seconds(self) -> float:
        before, rest = sum(self._expected[: self._done]), self._expected[self._done :]
        pace = (self._round_began - self._began) / before if before else 1.0
        running = max(rest[0] * pace - (self._clock() - self._round_began), 0.0) if rest else 0.0
        return running + sum(rest[1:]) * pace

    def share_done(self) -> float:
        """Of the whole comparison's time, 0 to 1."""
        spent = self._clock() - self._began
        return spent / (spent + self.seconds()) if spent else 0.0

    def __str__(self) -> str:
        return f"about {in_words(self.seconds())} left"


def in_words(seconds: float) -> str:
    """``40 s``, ``7 min``, ``3 h 20 min``: as exact as an estimate may sound."""
    if seconds < 55:
        return f"{max(round(seconds / 10) * 10, 10)} s"
    minutes = max(round(seconds / 60), 1)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60 // 10 * 10} min"
