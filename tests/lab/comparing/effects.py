"""What each scenario that comes along must leave in the figures of a round, and in whose.

Thresholds lie between what a round without the fault has and what the fault does to it, with room for a busy machine on
both sides: they are for rounds of ``SECONDS`` with faults of ``FAULT`` seconds at ``RATE`` orders a second.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kit.settings import Wiring
from lab.comparing.summary import Round, figure_of

RATE = 20.0
FAULT = 5.0
SECONDS = 20.0
"""A fault hits at 4 s and is over at 9 s; then there is time to start again, and to be seen working."""


class Effect(NamedTuple):
    """What is claimed of a round, and whether it is so."""

    claim: str
    shown: Callable[[Round], bool]


def below(figure: str, limit: float) -> Effect:
    return Effect(f"{figure} is below {limit:g}", lambda one: _figure(figure, one) < limit)


def above(figure: str, limit: float) -> Effect:
    return Effect(f"{figure} is above {limit:g}", lambda one: _figure(figure, one) > limit)


def lasts(what: str) -> Effect:
    """The slowest has waited about as long as the fault lasted."""
    return Effect(f"the longest {what} is about that of the fault", lambda one: _longest(what, one) > 0.8 * lasted(one))


def lasted(one: Round) -> float:
    """Milliseconds."""
    fault = one["faults"][0]
    return float(fault["ended_at"] - fault["began_at"]) * 1000


ALL_CONFIRMED = above("confirmed %", 99.99)
ALL_ACCEPTED = above("accepted %", 99.99)
LOSES_THE_OUTAGE = below("confirmed %", 85)
"""Five of twenty seconds, and the time that it takes to start again."""
LOSES_SOME = below("confirmed %", 97)
"""Who was called may be back before the caller gives up: a part of the fault is lost at least."""
WAITS = Effect("somebody waited for more than a second and a half", lambda one: _slowest(one) > 1500)
NOT_SENT = Effect("nobody listened", lambda one: one["load"]["statuses"].get("not sent", 0) > 0)
COMPLETION_LASTS = lasts("completion")
STALENESS_LASTS = lasts("staleness")
MANY_CHANGES = Effect(
    "prices changed at more than half of the rate", lambda one: (one["faults"][0]["count"] or 0) > 10 * FAULT
)
MANY_PRICES = Effect("orders were placed at many prices", lambda one: len(one["ordered"]) > 15)
ONE_PRODUCT = Effect("one product was ordered", lambda one: {product for product, _ in one["ordered"]} == {2})
A_THOUSAND = Effect(
    "a thousand orders a second were due", lambda one: one["load"]["offered"] > 990 * one["load"]["seconds"]
)
AS_THEY_ARE_ANSWERED = Effect(
    "eight customers at a time ordered more than the rate",
    lambda one: one["load"]["most_in_flight"] == 8 and one["load"]["offered"] > 1.5 * RATE * one["load"]["seconds"],
)
ERRORS = Effect("some were answered with an error", lambda one: _errors(one) > 0.02 * one["load"]["offered"])
FAILED_AT_WORK = Effect(
    "products was there, and failed", lambda one: one["load"]["statuses"].get("502", 0) > 0.02 * one["load"]["offered"]
)
DIED_MEANWHILE = Effect("some waited to be requeued", lambda one: _longest("completion", one) > 600 * FAULT)
"""Milliseconds: what died in the first two fifths of the fault waits at least for the others."""
RISES = Effect("three times as much was due at the end as at the beginning", lambda one: _last_to_first(one) > 2.5)
IN_CROWDS = Effect("the fullest second had twice its share", lambda one: _fullest_share(one) > 2)

EFFECTS: Mapping[str, Mapping[Wiring, tuple[Effect, ...]]] = {
    "healthy": {"events": (ALL_CONFIRMED,), "chain": (ALL_CONFIRMED,)},
    "products-slow": {
        "events": (below("accept p50", 200), above("completion p50", 700)),
        "chain": (above("accept p50", 400),),
    },
    "products-down": {"events": (ALL_ACCEPTED, COMPLETION_LASTS), "chain": (LOSES_THE_OUTAGE, ERRORS)},
    "delivery-down": {
        "events": (ALL_ACCEPTED, COMPLETION_LASTS),
        "chain": (LOSES_THE_OUTAGE, above("rejected %", 10)),
    },
    "orders-worker-down": {"events": (ALL_ACCEPTED, STALENESS_LASTS), "chain": (ALL_CONFIRMED,)},
    "products-hang": {"events": (ALL_ACCEPTED, COMPLETION_LASTS), "chain": (LOSES_SOME, WAITS)},
    "delivery-hang": {"events": (ALL_ACCEPTED, COMPLETION_LASTS), "chain": (LOSES_SOME, WAITS)},
    "orders-worker-hang": {"events": (ALL_ACCEPTED, STALENESS_LASTS), "chain": (ALL_CONFIRMED,)},
    "kafka-down": {"events": (ALL_ACCEPTED, COMPLETION_LASTS), "chain": (ALL_CONFIRMED,)},
    "postgres-down": {"events": (below("accepted %", 90),), "chain": (below("accepted %", 90),)},
    "overload": {"events": (A_THOUSAND,), "chain": (A_THOUSAND, below("settled/s", 900))},
    "hot-product": {"events": (ONE_PRODUCT,), "chain": (ONE_PRODUCT,)},
    "price-storm": {"events": (MANY_CHANGES, MANY_PRICES), "chain": (MANY_CHANGES, MANY_PRICES)},
    "bad-deploy": {"events": (ALL_ACCEPTED, DIED_MEANWHILE), "chain": (LOSES_SOME, FAILED_AT_WORK)},
    "coordinator-killed": {
        "events": (below("accepted %", 90), NOT_SENT),
        "chain": (below("accepted %", 90), NOT_SENT),
    },
    "ramp": {"events": (RISES,), "chain": (RISES,)},
    "recorded-day": {"events": (IN_CROWDS,), "chain": (IN_CROWDS,)},
    "saturation": {"events": (AS_THEY_ARE_ANSWERED,), "chain": (AS_THEY_ARE_ANSWERED,)},
}
"""``ordered`` of a round, which is in no document: product and unit price of its orders, without repetitions."""


def missing(one: Round) -> list[str]:
    """The claims about the round's scenario and wiring that do not hold."""
    return [effect.claim for effect in EFFECTS[one["scenario"]][one["wiring"]] if not effect.shown(one)]


def _figure(name: str, one: Round) -> float:
    value = figure_of(name, one)
    assert value is not None, f"a round by {one['wiring']} has no {name}"
    return value


def _offered(one: Round) -> list[int]:
    """By second of the measured time."""
    due: list[int] = one["series"]["offered"]
    return due[: round(one["load"]["seconds"])]


def _last_to_first(one: Round) -> float:
    due = _offered(one)
    fifth = len(due) // 5
    return sum(due[-fifth:]) / max(sum(due[:fifth]), 1)


def _fullest_share(one: Round) -> float:
    due = _offered(one)
    return max(due) * len(due) / sum(due)


def _longest(what: str, one: Round) -> float:
    group: Mapping[str, Any] | None = one[what]
    assert group is not None, f"a round by {one['wiring']} has no {what}"
    return float(group["max"])


def _slowest(one: Round) -> float:
    return float(one["load"]["all_latency"]["max"])


def _errors(one: Round) -> int:
    statuses: Mapping[str, int] = one["load"]["statuses"]
    return sum(count for status, count in statuses.items() if status.startswith("5"))
