"""Seconds of several rounds made one line, and when something was broken."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from lab.report.numbers import number
from lab.report.reading import Round, figure_of, rows, table

_WORDS = {
    "kill": "{} is down",
    "hang": "{} hangs",
    "crash": "{} is down",
    "deploy": "bad {} runs",
    "prices": "prices change",
}

Points = list[tuple[float, float | None]]
"""Seconds since the measured time began, and a value; None where there is none."""


@dataclass(frozen=True)
class Window:
    """A fault in words, in seconds since the measured time began: medians over rounds."""

    words: str
    began: float
    ended: float


def medians(rounds: Sequence[Round], name: str, afterwards: float | None = None) -> Points:
    """The median over the rounds at each second; empty when no round has a single value. ``afterwards`` is the value of
    a round that has come to rest while others go on."""
    every = [_by_second(one, name) for one in rounds]
    told = [values for values in every if any(value is not None for value in values.values())]
    points: Points = []
    for second in sorted({second for values in told for second in values}):
        known = [values.get(second, afterwards if second > max(values) else None) for values in told]
        here = [value for value in known if value is not None]
        points.append((second, median(here) if here else None))
    return points


def windows(rounds: Sequence[Round]) -> list[Window]:
    """What was broken, and when, in the order of its beginning."""
    found: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
    for one in rounds:
        begin = number(table(one, "load").get("measured_from"))
        seen: dict[str, int] = defaultdict(int)
        for fault in faults_of(one):
            began, ended = number(fault.get("began_at")), number(fault.get("ended_at"))
            if begin is None or began is None:
                continue
            words = in_words(fault)
            found[words, seen[words]].append((began - begin, (ended if ended is not None else began) - begin))
            seen[words] += 1
    made = [
        Window(words, median(began for began, _ in times), median(ended for _, ended in times))
        for (words, _), times in found.items()
    ]
    return sorted(made, key=lambda window: window.began)


def faults_of(one: Round) -> list[Mapping[str, Any]]:
    """The round's faults; documents that know only outages have those."""
    if found := rows(one, "faults"):
        return found
    outage = table(one, "outage")
    if not outage:
        return []
    times = {"began_at": outage.get("killed_at"), "ended_at": outage.get("ready_at")}
    return [{"kind": "kill", "target": outage.get("service"), **times}]


def in_words(fault: Mapping[str, Any]) -> str:
    kind, target = str(fault.get("kind")), str(fault.get("target") or "")
    return _WORDS[kind].format(target) if kind in _WORDS else f"{target} {kind}".strip()


def representative(rounds: Sequence[Round], key: str) -> Round | None:
    """Of the rounds that have something under ``key``, the one in the middle by what it confirmed."""
    having = [one for one in rounds if one.get(key)]
    ordered = sorted(having, key=lambda one: figure_of("confirmed %", one) or 0.0)
    return ordered[(len(ordered) - 1) // 2] if ordered else None


def _by_second(one: Round, name: str) -> dict[float, float | None]:
    series = table(one, "series")
    pairs = zip(_list(series, "seconds"), _list(series, name), strict=False)
    return {when: number(value) for second, value in pairs if (when := number(second)) is not None}


def _list(found: Mapping[str, Any], name: str) -> list[Any]:
    value = found.get(name)
    return value if isinstance(value, list) else []
