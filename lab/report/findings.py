"""What the audits found: by scenario, wiring and rule, with the ids of each round."""

from collections.abc import Mapping, Sequence
from typing import Any

from lab.report.markup import Markup, tag
from lab.report.numbers import number, plural
from lab.report.reading import Comparison, Round, rows, table

Found = tuple[Round, Mapping[str, Any]]
"""A round, and a rule of its audit that found something."""


def findings(found: Comparison) -> Markup:
    """Findings first, then notices. Rounds that must not be used are audited, too."""
    every = [(one, check) for one in found.rounds for check in _checks(one)]
    broken = [each for each in every if not each[1].get("notice")]
    notices = [each for each in every if each[1].get("notice")]
    total = sum(int(number(table(one, "audit").get("findings")) or 0) for one in found.rounds)
    parts = _grouped(found, broken)
    if total and not broken:
        parts = [tag("p", f"{plural(total, 'finding')}; the document does not say which.")]
    if not parts:
        parts = [tag("p", "Nothing: in every round the three databases add up.")]
    if notices:
        parts.append(tag("h3", "Notices"))
        parts.append(tag("p", "Worth knowing, but nothing that does not add up."))
        parts += _grouped(found, notices)
    return tag(
        "section",
        tag("h2", "What the audit found"),
        tag("p", "After each round, once nothing moves any more, the three databases are asked whether they add up."),
        parts,
        id="findings",
    )


def _checks(one: Round) -> list[Mapping[str, Any]]:
    return [check for check in rows(table(one, "audit"), "checks") if number(check.get("count"))]


def _grouped(found: Comparison, every: Sequence[Found]) -> list[Markup]:
    """One to unfold for each scenario, wiring and rule."""
    groups: dict[tuple[str, str, str], list[Found]] = {}
    for one, check in every:
        key = str(one["scenario"]), str(one["wiring"]), str(check.get("rule"))
        groups.setdefault(key, []).append((one, check))
    made = []
    for (scenario, wiring, rule), here in groups.items():
        rounds = sum((one["scenario"], one["wiring"]) == (scenario, wiring) for one in found.rounds)
        count = sum(int(number(check.get("count")) or 0) for _, check in here)
        words = f"{scenario}, {wiring}: {rule}: {count:,}, in {len(here)} of {plural(rounds, 'round')}"
        made.append(tag("details", tag("summary", words), [_listed(one, check) for one, check in here]))
    return made


def _listed(one: Round, check: Mapping[str, Any]) -> list[Markup]:
    """A round's ids and what is wrong with each, as far as the document lists them."""
    count, ids = int(number(check.get("count")) or 0), rows(check, "found")
    step = f", killed at {one['step']}" if one.get("step") else ""
    looked = number(check.get("looked_at"))
    items = [tag("li", tag("code", str(each.get("id"))), f": {each.get('wrong')}") for each in ids]
    if count > len(ids):
        items.append(tag("li", f"{plural(count - len(ids), 'other')}, not listed"))
    words = f"Round {one.get('round', '?')}{step}: {count:,}" + (f" of {looked:,.0f}" if looked else "")
    return [tag("p", words), tag("ul", items, class_="ids")]
