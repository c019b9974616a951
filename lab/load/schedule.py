"""When orders are sent: decided before the first one, so that no answer can delay the next."""

import random
from array import array

from lab.load.plan import LoadPlan


def intended_offsets(plan: LoadPlan) -> "array[float]":
    """Seconds after the start at which each order is due, ascending: warm-up first, then ``plan.seconds``.

    Constant arrivals are evenly spaced; Poisson arrivals have exponential gaps (reproducible by ``plan.seed``).
    """
    total = plan.warmup_seconds + plan.seconds
    if plan.arrivals == "constant":
        return array("d", (index / plan.rate for index in range(round(total * plan.rate))))
    gaps = random.Random(plan.seed)
    offsets = array("d")
    due = gaps.expovariate(plan.rate)
    while due < total:
        offsets.append(due)
        due += gaps.expovariate(plan.rate)
    return offsets
