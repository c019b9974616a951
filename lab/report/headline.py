"""The headline and what else may be said, in words computed from the figures: no more than the rounds carry."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.comparing.failing import told_failed
from lab.comparing.statistics import ENOUGH_ROUNDS
from lab.comparing.stopping import how_far
from lab.comparing.summary import why_invalid
from lab.report.numbers import amount, listed, number, percent, plural
from lab.report.reading import Comparison, Difference, Place, rows, table

CONFIRMED = "confirmed %"
CLAIM = "significant (exact test, 5 %)"
_MOST_TOLD = 4
QUIET = 10.0
"""Percent of the machine that others may use without a warning."""


@dataclass(frozen=True)
class Words:
    """A sentence, and the smaller ones that keep it honest."""

    main: str
    beside: Sequence[str]


def headline(found: Comparison) -> Words:
    """The scenario in which wirings differ most in confirmed %, as far as the rounds let that be said."""
    places = [place for place in found.places if _shares(found, place) and not found.is_at_steps(place)]
    killed = [place for place in found.places if found.is_at_steps(place) and found.of_place(place)]
    if not places and killed:
        return Words(_counted(found, killed[0]), ("Such rounds are not alike, so they are counted and not compared.",))
    if not places:
        capacity = [] if found.rounds else _capacity(found)
        return Words(capacity[0].rstrip(".") if capacity else "No valid round: nothing can be said", ())
    if len(found.wirings) == 1:
        place = min(places, key=lambda one: min(_shares(found, one).values()))
        return Words(_said(found, place), ("One wiring only: there is nothing to compare it with.",))
    shown = [place for place in places if any(one.verdict in ("differ", "apart") for one in _confirmed(found, place))]
    if shown:
        place = max(shown, key=lambda one: _width(found, one))
        return Words(_said(found, place), tuple(verdicts(_confirmed(found, place))))
    place = max(places, key=lambda one: _width(found, one))
    here = _confirmed(found, place)
    every = [_confirmed(found, one) for one in places]
    if all(judged and all(one.verdict == "noise" for one in judged) for judged in every):
        alike = "In no scenario did the wirings differ in what they confirmed by more than rounds of one wiring differ"
        return Words(alike, tuple(verdicts(here)))
    return Words(_said(found, place), tuple(verdicts(here)) or ("No difference is judged in this scenario.",))


def points(found: Comparison) -> list[str]:
    """What a reader must know beside the headline: about the run as a whole."""
    said = []
    stopped = table(found.document, "stopped")
    if stopped:
        said.append(f"The run was stopped; in this report are {how_far(stopped)}.")
    if failed := rows(found.document, "failed"):
        reasons = "; ".join(told_failed(one) for one in failed[:_MOST_TOLD])
        further = "; ..." if len(failed) > _MOST_TOLD else ""
        said.append(f"{plural(len(failed), 'round')} failed and {_are(len(failed))} in no figure: {reasons}{further}.")
    few = min(
        (found.few_rounds(place) for place in found.places if not found.is_at_steps(place)), default=ENOUGH_ROUNDS
    )
    if found.rounds and few < ENOUGH_ROUNDS:
        said.append(
            f"Fewer than {ENOUGH_ROUNDS} valid rounds of each wiring in some scenario (the fewest: {few}): no "
            "significance is claimed there, only whether the rounds' ranges overlap."
        )
    if invalid := [one for one in found.rounds if why_invalid(one)]:
        said.append(
            f"{plural(len(invalid), 'round')} must not be used and {_are(len(invalid))} left out of all figures."
        )
    said += [*_beside(found), *_damage(found), *_capacity(found)]
    return said


def verdicts(here: Sequence[Difference]) -> list[str]:
    """What may be said of one figure's differences from the first wiring, by verdict. Significance takes five rounds,
    whatever the document says."""
    said = []
    groups: dict[str, list[str]] = {}
    for one in here:
        groups.setdefault(allowed(one), []).append(one.second)
    first = here[0].first if here else ""
    rounds = min((one.rounds for one in here), default=0)
    for verdict, others in groups.items():
        who = f"{first} and {listed(others)}" if len(others) == 1 else f"{first} and each of {listed(others)}"
        if verdict == "differ":
            said.append(f"The difference between {who} is {CLAIM}.")
        elif verdict == "apart":
            said.append(
                f"The ranges of {who} do not overlap; with {plural(rounds, 'round')} each no significance is claimed."
            )
        elif verdict == "noise":
            said.append(f"The difference between {who} is inside the noise.")
        elif rounds == 1:
            said.append(f"One round of {who}: nothing tells yet whether the difference is noise.")
        else:
            said.append(f"Of {who}, one has no valid round with this figure: nothing can be said.")
    return said


def allowed(one: Difference) -> str:
    """The verdict, or less of it where there are not the rounds for it."""
    return "apart" if one.verdict == "differ" and one.rounds < ENOUGH_ROUNDS else one.verdict


def _confirmed(found: Comparison, place: Place) -> list[Difference]:
    return [one for one in found.differences(place) if one.figure == CONFIRMED]


def _shares(found: Comparison, place: Place) -> dict[str, float]:
    spreads = {wiring: found.spread(place, wiring, CONFIRMED) for wiring in found.wirings_of(place)}
    return {wiring: spread.median for wiring, spread in spreads.items() if spread is not None}


def _width(found: Comparison, place: Place) -> float:
    shares = _shares(found, place).values()
    return max(shares) - min(shares)


def _said(found: Comparison, place: Place) -> str:
    """The shares; of many wirings only the ends, the others stand in the table."""
    shares = sorted(_shares(found, place).items(), key=lambda item: -item[1])
    if len(shares) <= _MOST_TOLD:
        (wiring, share), *others = shares
        rest = "".join(f", {name} {percent(value)} %" for name, value in others)
        return f"{found.title(place)}: {wiring} confirmed {percent(share)} % of the orders offered{rest}"
    best, worst = (percent(shares[n][1]) for n in (0, -1))
    if best == worst:
        return f"{found.title(place)}: each of {len(shares)} wirings confirmed {best} % of the orders offered"
    first, last = (listed([name for name, share in shares if percent(share) == end]) for end in (best, worst))
    return (
        f"{found.title(place)}: orders confirmed, of those offered: from {best} % ({first}) down to {worst} % ({last})"
    )


def _counted(found: Comparison, place: Place) -> str:
    """In how many rounds something was left that does not add up, and of which wirings."""
    rounds = found.of_place(place)
    damaged = [one for one in rounds if number(table(one, "audit").get("findings"))]
    whose = f" ({listed(list(dict.fromkeys(str(one['wiring']) for one in damaged)))})" if damaged else ""
    what = f"something was left that does not add up{whose}"
    return f"{found.title(place)}: in {len(damaged)} of {plural(len(rounds), 'round')} {what}"


def _damage(found: Comparison) -> list[str]:
    counts: dict[str, int] = {}
    for one in found.rounds:
        findings = number(table(one, "audit").get("findings"))
        if not why_invalid(one) and findings is not None:
            counts[str(one["wiring"])] = counts.get(str(one["wiring"]), 0) + int(findings)
    damaged = {wiring: count for wiring, count in counts.items() if count}
    if not counts:
        return []
    if not damaged:
        return ["The audit found nothing that does not add up, in any valid round."]
    told = [f"{count:,} in {wiring}" for wiring, count in sorted(damaged.items(), key=lambda item: -item[1])]
    clean = [wiring for wiring, count in counts.items() if not count]
    rest = f", none in {listed(clean)}" if clean else ""
    return [f"What the databases say does not add up (audit findings over all valid rounds): {listed(told)}{rest}."]


def _beside(found: Comparison) -> list[str]:
    """A warning where the machine was not the run's own."""
    shares = [
        number(table(one, "cpu").get("foreign_percent_of_machine")) for one in found.rounds if not why_invalid(one)
    ]
    most = max((share for share in shares if share is not None), default=0.0)
    if most <= QUIET:
        return []
    return [
        f"Others used up to {most:.0f} % of the machine meanwhile: latencies and CPU are worth less than they look."
    ]


def _capacity(found: Comparison) -> list[str]:
    rates = [(str(one.get("wiring")), number(one.get("orders_per_second"))) for one in rows(found.document, "capacity")]
    told = [f"{wiring} {amount(rate)}" for wiring, rate in rates if rate is not None]
    return [f"Highest rate held, orders a second: {', '.join(told)}."] if told else []


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
