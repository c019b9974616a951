"""Two wirings held against each other, figure by figure, and what the rounds allow to be said about it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from lab.comparing.statistics import Judgement, judge
from lab.comparing.summary import Figure, Round, at_steps, figure_of, summary, why_invalid, wirings_of

SCHEMA = "shop-compare/1"
"""The version of the document. A key may be added to it; another number when one is renamed, removed or redefined."""

Read = Callable[[str, Round], float | None]

HEADLINES = ("confirmed %", "accept p50", "accept p99", "completion p50", "completion p99", "CPU ms/order")
"""What is tested of an open loop, together; more than six could not be significant from five rounds."""
HEADLINES_SATURATED = ("settled/s", "CPU ms/order")
"""What is tested of a closed loop."""


@dataclass(frozen=True)
class Difference:
    """Two wirings in one figure of one scenario. ``concurrency`` is 0 for open loops."""

    scenario: str
    concurrency: int
    figure: str
    first: str
    second: str
    judgement: Judgement

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, the judgement's fields beside the others."""
        found = asdict(self)
        judged: dict[str, Any] = found.pop("judgement")
        return found | judged


def concluded(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with what its rounds amount to: ``summary`` and ``differences``, computed anew."""
    return {
        "schema": SCHEMA,
        **document,
        "summary": summary(document),
        "differences": [one.as_dict() for one in differences(document)],
    }


def differences(document: Mapping[str, Any], read: Read = figure_of) -> list[Difference]:
    """Every wiring against the first one, in the headline figures of each scenario, which are tested together. ``read``
    is how a round's figure is read.

    Where coordinators are killed there are none: wirings die at different steps, so their rounds are not alike.
    """
    found, order = [], wirings_of(document)
    rounds = [one for one in document["rounds"] if one["scenario"] not in at_steps(document)]
    for scenario, concurrency in dict.fromkeys((one["scenario"], one.get("concurrency", 0)) for one in rounds):
        here = [one for one in rounds if (one["scenario"], one.get("concurrency", 0)) == (scenario, concurrency)]
        names = HEADLINES_SATURATED if concurrency else HEADLINES
        first, *others = [wiring for wiring in order if any(one["wiring"] == wiring for one in here)]
        for other in others:
            for name in names:
                one, two = _aligned(here, first, other, partial(read, name))
                judgement = judge(one, two, tested=len(names))
                found.append(Difference(scenario, concurrency, name, first, other, judgement))
    return found


def _aligned(
    rounds: Sequence[Mapping[str, Any]], first: str, second: str, figure: Figure
) -> tuple[list[float | None], list[float | None]]:
    """The figure of both wirings by number of round: rounds of one number are neighbours in time."""
    numbers = list(dict.fromkeys(one.get("round") for one in rounds))
    values = {
        (one["wiring"], one.get("round")): figure(one)
        for one in rounds
        if one["wiring"] in (first, second) and why_invalid(one) is None
    }
    one, two = ([values.get((wiring, number)) for number in numbers] for wiring in (first, second))
    return one, two
