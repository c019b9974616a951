"""Rounds to rows: one row a scenario and wiring, medians over rounds with their range."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lab.comparing.statistics import Spread

Round = Mapping[str, Any]
Figure = Callable[[Round], float | None]

_ENDED = {"confirmed", "rejected", "cancelled", "hollow", "unsettled", "lost"}


def _share(*kinds: str) -> Figure:
    def share(one: Round) -> float | None:
        offered: int = one["load"]["offered"]
        outcomes: Mapping[str, int] | None = one.get("outcomes")
        if not offered or not outcomes or ("accepted" in outcomes and _ENDED & set(kinds)):
            return None  # a shop of others that accepts, and does not tell how it ended
        return 100 * sum(outcomes.get(kind, 0) for kind in kinds) / offered

    return share


def _accepted(one: Round) -> float | None:
    load = one["load"]
    return 100 * load["accepted"] / load["offered"] if load["offered"] else None


def _of(group: str, name: str) -> Figure:
    """None where the round has no such group: what a shop of others cannot give."""
    return lambda one: (one.get(group) or {}).get(name)


FIGURES: dict[str, Figure] = {
    "confirmed %": _share("confirmed"),
    "accepted %": _accepted,
    "rejected %": _share("rejected", "cancelled"),
    "refused %": _share("refused"),
    "unknown %": _share("unknown"),
    "unkept %": _share("hollow", "unsettled", "lost"),
    "accept p50": lambda one: one["load"]["accept_latency"]["p50"],
    "accept p95": lambda one: one["load"]["accept_latency"]["p95"],
    "accept p99": lambda one: one["load"]["accept_latency"]["p99"],
    "accept max": lambda one: one["load"]["accept_latency"]["max"],
    "completion p50": _of("completion", "p50"),
    "completion p99": _of("completion", "p99"),
    "staleness p99": _of("staleness", "p99"),
    "CPU ms/order": _of("cpu", "per_settled_ms"),
    "settled/s": lambda one: one.get("settled_per_second"),
    "findings": _of("audit", "findings"),
}
"""Percent of the orders offered; latencies in ms. ``unkept``: confirmed in name only, never settled, or
accepted and in no database."""


def figure_of(name: str, one: Round) -> float | None:
    """The figure of that name; what is missing of the round raises KeyError."""
    return FIGURES[name](one)


@dataclass(frozen=True)
class Line:
    """A scenario and wiring; ``concurrency`` is 0 for open loops. What others used of the machine, and an idle broker,
    are the most of any round."""

    scenario: str
    wiring: str
    concurrency: int
    figures: dict[str, Spread | None]
    rounds: int
    invalid: list[str]
    foreign_percent: float | None
    idle_kafka_seconds: float | None  # None also where nobody looked, as in containers


def wirings_of(document: Mapping[str, Any]) -> list[str]:
    """Those that have rounds, in the order in which they were asked for; what was not asked for as a wiring, such as a
    shop of others, comes after them, and so does all in a document that does not say what was asked for."""
    ran = list(dict.fromkeys(one["wiring"] for one in document["rounds"]))
    settings = (document.get("conditions") or {}).get("settings") or {}
    asked = list(settings.get("wirings") or ())
    return sorted(ran, key=lambda wiring: asked.index(wiring) if wiring in asked else len(asked))


def lines(document: Mapping[str, Any]) -> list[Line]:
    """The rows of the table, wirings in the same order in every scenario. A round whose generator could not keep up is
    told, and left out of the figures."""
    found, order = [], wirings_of(document)
    scenarios = list(dict.fromkeys(one["scenario"] for one in document["rounds"]))
    keys = {(one["scenario"], one["wiring"], one["concurrency"]) for one in document["rounds"]}
    for key in sorted(keys, key=lambda key: (scenarios.index(key[0]), key[2], order.index(key[1]))):
        rounds = _rounds_of(document, *key)
        valid = [one for one in rounds if why_invalid(one) is None]
        used = [cpu for one in rounds if (cpu := one.get("cpu"))]
        foreign = [share for cpu in used if (share := cpu["foreign_percent_of_machine"]) is not None]
        idle = [spent for cpu in used if not cpu["kafka_counted"] and (spent := cpu["seconds"]["kafka"])]
        found.append(
            Line(
                *key,
                figures={name: Spread.of([figure(one) for one in valid]) for name, figure in FIGURES.items()},
                rounds=len(valid),
                invalid=[why for one in rounds if (why := why_invalid(one))],
                foreign_percent=max(foreign, default=None),
                idle_kafka_seconds=max(idle, default=None),
            )
        )
    return found


def summary(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One entry a row and figure, JSON-ready: median, low and high over the rounds that have the figure. None of rounds
    that are not alike."""
    return [
        {"scenario": row.scenario, "wiring": row.wiring, "concurrency": row.concurrency, "figure": name}
        | asdict(spread)
        for row in lines(document)
        if row.scenario not in at_steps(document)
        for name, spread in row.figures.items()
        if spread is not None
    ]


def at_steps(document: Mapping[str, Any]) -> set[str]:
    """The scenarios in which a coordinator dies, at another step each round: those rounds are not alike, so they have
    counts, and no medians or differences."""
    return {"coordinator-killed"} | {one["scenario"] for one in document["rounds"] if one.get("step")}


def why_invalid(one: Round) -> str | None:
    """Why the round is in no figure; None when it is in them."""
    why: str | None = (one.get("load") or {}).get("invalid") or one.get("invalid")
    return why


def _rounds_of(document: Mapping[str, Any], scenario: str, wiring: str, concurrency: int) -> list[Round]:
    return [
        one
        for one in document["rounds"]
        if (one["scenario"], one["wiring"], one["concurrency"]) == (scenario, wiring, concurrency)
    ]
