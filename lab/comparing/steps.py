"""Where coordinators were killed, and what was left of it."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table


def steps_table(rounds: list[Mapping[str, Any]]) -> Table:
    """One row a step of a protocol."""
    title = "coordinator-killed: at which step, and what became of the orders"
    table = Table(title=title, title_justify="left", show_edge=False)
    for name in ("wiring", "killed at", "confirmed", "rejected", "other", "findings", "what was found"):
        table.add_column(name, justify="left" if name in ("wiring", "killed at", "what was found") else "right")
    for one in rounds:
        outcomes = dict(one["outcomes"])
        confirmed, rejected = outcomes.pop("confirmed", 0), outcomes.pop("rejected", 0)
        audit = one["audit"]
        colour = "red" if audit["findings"] else "green"
        step = one["step"].rpartition(".")[2] or "in the midst of the load"
        table.add_row(
            f"[cyan]{one['wiring']}[/cyan]",
            step if one["outage"] else f"[dim]{step}: not reached[/dim]",
            f"{confirmed:,}",
            f"{rejected:,}",
            f"{sum(outcomes.values()):,}",
            f"[{colour}]{audit['findings']:,}[/{colour}]",
            ", ".join(f"{rule} ({count})" for rule, count in what_was_found(audit).items()),
        )
    return table


def what_was_found(audit: Mapping[str, Any]) -> dict[str, int]:
    """The rules of an audit that found something, with how often."""
    return {check["rule"]: check["count"] for check in audit.get("checks", ()) if _counts(check)}


def _counts(check: Mapping[str, Any]) -> bool:
    """Findings, and the notices that are a protocol's own (what was decided and could not be carried out)."""
    told = check["rule"] in ("heuristic outcomes", "decisions that a participant contradicts")
    return bool(check["count"]) and (not check["notice"] or told)
