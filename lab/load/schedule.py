"""When orders are sent: decided before the first one, so that no answer can delay the next."""

import math
import random
from array import array
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from lab.load.plan import LoadPlan


class Stretch(NamedTuple):
    """``seconds`` of load whose rate (orders/s) goes evenly from ``first`` to ``last``."""

    seconds: float
    first: float
    last: float

    @property
    def orders(self) -> float:
        return self.seconds * (self.first + self.last) / 2

    def when(self, orders: float) -> float:
        """Seconds from its beginning until so many orders were due (not more than ``self.orders``)."""
        slope = (self.last - self.first) / self.seconds
        root = math.sqrt(max(self.first * self.first + 2 * slope * orders, 0.0))
        return 2 * orders / (self.first + root) if orders else 0.0


def stretches(plan: LoadPlan) -> list[Stretch]:
    """The plan's rate over time. The warm-up has the rate with which what is measured begins."""
    rates = plan.steps or (plan.rate,)
    warmup = [Stretch(plan.warmup_seconds, rates[0], rates[0])] if plan.warmup_seconds else []
    if plan.ramp_to:
        return [*warmup, Stretch(plan.seconds, plan.rate, plan.ramp_to)]
    return [*warmup, *(Stretch(plan.seconds / len(rates), rate, rate) for rate in rates)]


def intended_offsets(plan: LoadPlan) -> "array[float]":
    """Seconds after the start at which each order is due, ascending: warm-up first, then ``plan.seconds``.

    Constant arrivals are evenly spaced, at the rate of the moment; Poisson arrivals have exponential gaps (reproducible
    by ``plan.seed``).
    """
    offsets = array("d")
    begin = before = 0.0
    numbers = _poisson(plan.seed) if plan.arrivals == "poisson" else map(float, count())
    number = next(numbers)
    for stretch in stretches(plan):
        after = before + stretch.orders
        while number < after - 1e-6:  # sums of fractions: an order too many would lie at the very end
            offsets.append(begin + stretch.when(number - before))
            number = next(numbers)
        begin, before = begin + stretch.seconds, after
    return offsets


def _poisson(seed: int) -> Iterator[float]:
    """A process of rate 1; where the rate is another one, time runs that much faster."""
    gaps = random.Random(seed)
    number = 0.0
    while True:
        number += gaps.expovariate(1.0)
        yield number
