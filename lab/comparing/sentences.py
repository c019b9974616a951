"""What the differences amount to, in words that claim no more than the rounds carry."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from lab.comparing.differences import Difference
from lab.comparing.statistics import ENOUGH_ROUNDS, Judgement
from lab.comparing.summary import Line
from lab.comparing.survivors import accepted_in, of_whom

_METHOD = (
    "Ratios have 95 % intervals that hold for all tested figures of two wirings at once (Bonferroni), and a difference "
    "is claimed only where an exact test ({}) agrees. Differences between several pairs of wirings are not corrected "
    "for each other."
)


def sentences(found: Iterable[Difference], rows: Sequence[Line]) -> list[str]:
    """One a pair of wirings and scenario, and how it was judged."""
    listed = list(found)
    said: list[str] = []
    single: list[str] = []
    tests: dict[str, None] = {}
    for (scenario, concurrency, first, second), group in groupby(listed, key=_pair):
        here = list(group)
        place = f"{scenario}, {concurrency} at a time" if concurrency else scenario
        if all(one.judgement.verdict == "unknown" for one in here):
            single.append(f"{place}: {second} against {first}")
            continue
        both = [row for row in rows if _is_at(row, scenario, concurrency) and row.wiring in (first, second)]
        rounds = min(row.rounds for row in both)
        pairs = max(one.judgement.pairs for one in here)
        if any(one.judgement.p is not None for one in here):
            tests["signed-rank, pairs of neighbouring rounds" if pairs else "rank-sum"] = None
        counted = f"{pairs} pairs of rounds" if pairs else f"{rounds} rounds each"
        alone = "" if concurrency else of_whom(accepted_in(both))
        said.append(f"{place}, {second} against {first} ({counted}): {_told(here)}{alone and f' ({alone})'}.")
    if any(one.judgement.verdict == "apart" for one in listed):
        few = f"no significance is claimed below {ENOUGH_ROUNDS} rounds"
        said.append(f"Ranges apart: all rounds of one lie above all of the other; {few}.")
    if tests:
        said.append(_METHOD.format("; ".join(tests)))
    if single:
        said.append(f"One round each ({'; '.join(single)}): nothing says yet which differences are noise.")
    return said


def _told(here: Sequence[Difference]) -> str:
    said = []
    for verdict, words in (
        ("differ", "different"),
        ("apart", "ranges apart"),
        ("noise", "inside the noise"),
    ):
        if figures := [f"{one.figure}{times(one.judgement)}" for one in here if one.judgement.verdict == verdict]:
            said.append(f"{words}: {', '.join(figures)}")
    return "; ".join(said)


def times(found: Judgement) -> str:
    """The ratio with its interval, as `` 3.1 times (2.8 to 3.4)``; empty where there is no ratio, or nothing to it."""
    if found.ratio is None or {found.ratio, found.low or 1.0, found.high or 1.0} == {1.0}:
        return ""
    text = f" {_ratio(found.ratio)} times"
    return text if found.low is None or found.high is None else f"{text} ({_ratio(found.low)} to {_ratio(found.high)})"


def _ratio(value: float) -> str:
    if value >= 10:
        return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def _is_at(row: Line, scenario: str, concurrency: int) -> bool:
    return (row.scenario, row.concurrency) == (scenario, concurrency)


def _pair(one: Difference) -> tuple[str, int, str, str]:
    return one.scenario, one.concurrency, one.first, one.second
