"""What the audits found: by rule, with the ids."""

from collections.abc import Mapping
from typing import Any

from lab.report.markup import Markup, tag
from lab.report.numbers import number, plural
from lab.report.reading import Comparison, Round, rows, table


def findings(found: Comparison) -> Markup:
    """Findings first, then notices; each rule of a round with what was found. Invalid rounds are audited, too."""
    broken = [(one, check) for one in found.rounds for check in _checks(one) if not check.get("notice")]
    notices = [(one, check) for one in found.rounds for check in _checks(one) if check.get("notice")]
    unlisted = sum(int(number(table(one, "audit").get("findings")) or 0) for one in found.rounds) if not broken else 0
    parts = [_listed(one, check) for one, check in broken]
    if unlisted:
        parts = [tag("p", f"{plural(unlisted, 'finding')}; the document does not say which.")]
    if not parts:
        parts = [tag("p", "None: in every round the three databases add up.")]
    if notices:
        parts.append(tag("h3", "Notices"))
        parts.append(tag("p", "Worth knowing, but nothing that does not add up."))
        parts += [_listed(one, check) for one, check in notices]
    return tag(
        "section",
        tag("h2", "What the audit found"),
        tag("p", "After each round, once nothing moves any more, the three databases are asked whether they add up."),
        parts,
        id="findings",
    )


def _checks(one: Round) -> list[Mapping[str, Any]]:
    return [check for check in rows(table(one, "audit"), "checks") if number(check.get("count"))]


def _listed(one: Round, check: Mapping[str, Any]) -> Markup:
    count, ids = int(number(check.get("count")) or 0), rows(check, "found")
    where = f"{one['scenario']}, {one['wiring']}, round {one.get('round', '?')}"
    step = f", killed at {one['step']}" if one.get("step") else ""
    looked = number(check.get("looked_at"))
    of = f" of {looked:,.0f}" if looked else ""
    items = [tag("li", tag("code", str(each.get("id"))), f": {each.get('wrong')}") for each in ids]
    if count > len(ids):
        items.append(tag("li", f"and {count - len(ids):,} more, which the document does not list"))
    return tag(
        "details",
        tag("summary", f"{where}{step}: {check.get('rule')}: {count:,}{of}"),
        tag("ul", items, class_="ids"),
    )
