"""From values to places on paper, and which values get a tick."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.report.numbers import short


@dataclass(frozen=True)
class Scale:
    """``place`` gives a value its coordinate; ``ticks`` are values and how they are written."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    logarithmic: bool = False

    def place(self, value: float, start: float, end: float) -> float:
        """Values outside are put at the edge."""
        inside = min(max(value, self.low), self.high)
        if self.logarithmic:
            share = math.log(inside / self.low) / math.log(self.high / self.low)
        else:
            share = (inside - self.low) / (self.high - self.low)
        return start + share * (end - start)


def linear(highest: float, written: Callable[[float], str] = short) -> Scale:
    """From 0 to a round number not below the highest value, with four to six ticks."""
    step = _round_step(highest if highest > 0 else 1.0)
    count = math.ceil((highest if highest > 0 else 1.0) / step - 1e-9)
    return Scale(0.0, step * count, [(step * n, written(step * n)) for n in range(count + 1)])


def logarithmic(lowest: float, highest: float, written: Callable[[float], str]) -> Scale:
    """Decades around the values, at least one; in between 2 and 5 where there are few decades."""
    first = math.floor(math.log10(max(lowest, 1e-3)))
    last = max(math.ceil(math.log10(max(highest, 1e-3)) - 1e-9), first + 1)
    marks = (1, 2, 5) if last - first <= 2 else (1,)
    values = [mark * 10.0**decade for decade in range(first, last) for mark in marks] + [10.0**last]
    return Scale(10.0**first, 10.0**last, [(value, written(value)) for value in values], logarithmic=True)


def time_scale(longest: float) -> Scale:
    """Seconds."""
    return linear(longest, lambda value: f"{value:g}")


def _round_step(highest: float) -> float:
    rough = highest / 5
    decade = 10.0 ** math.floor(math.log10(rough))
    return next(step * decade for step in (1, 2, 2.5, 5, 10) if step * decade >= rough - 1e-12)
