"""Where coordinators were killed, and what was left of it."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from lab.comparing.cells import narrow_table

Round = Mapping[str, Any]


def steps_table(rounds: list[Round]) -> Table:
    """One row a round: the step of a protocol, and what became of the orders."""
    columns = ["killed at", "confirmed", "rejected", "other", "audit\nfindings"]
    table = narrow_table("coordinator-killed: at which step, and what became of the orders", columns)
    table.columns[1].justify = "left"
    for one in rounds:
        outcomes = dict(one["outcomes"])
        confirmed, rejected = outcomes.pop("confirmed", 0), outcomes.pop("rejected", 0)
        colour = "red" if one["audit"]["findings"] else "green"
        table.add_row(
            f"[cyan]{one['wiring']}[/cyan]",
            where(one) if one["outage"] else f"[dim]{where(one)}: not reached[/dim]",
            f"{confirmed:,}",
            f"{rejected:,}",
            f"{sum(outcomes.values()):,}",
            f"[{colour}]{one['audit']['findings']:,}[/{colour}]",
        )
    return table


def found_at_steps(rounds: list[Round]) -> list[str]:
    """A sentence a round in which the audit found something, or a protocol told what it could not carry out."""
    return [
        f"{one['wiring']}, {where(one)}: {', '.join(f'{rule} ({count:,})' for rule, count in found.items())}."
        for one in rounds
        if (found := what_was_found(one["audit"]))
    ]


def where(one: Round) -> str:
    """The step, without the name of its protocol."""
    return str(one["step"]).rpartition(".")[2] or "in mid-load"


def what_was_found(audit: Mapping[str, Any]) -> dict[str, int]:
    """The rules of an audit that found something, with how often."""
    return {check["rule"]: check["count"] for check in audit.get("checks", ()) if _counts(check)}


def _counts(check: Mapping[str, Any]) -> bool:
    """Findings, and the notices that are a protocol's own (what was decided and could not be carried out)."""
    told = check["rule"] in ("heuristic outcomes", "decisions that a participant contradicts")
    return bool(check["count"]) and (not check["notice"] or told)
