"""Where coordinators were killed, and what was left of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from lab.comparing.cells import narrow_table
from lab.comparing.summary import why_invalid

Round = Mapping[str, Any]


@dataclass(frozen=True)
class Counts:
    """Orders of one round by what became of them."""

    offered: int
    confirmed: int
    rejected: int
    refused: int
    other: int

    @classmethod
    def of(cls, one: Round) -> "Counts":
        outcomes = dict(one.get("outcomes") or {})
        confirmed, rejected, refused = (outcomes.pop(kind, 0) for kind in ("confirmed", "rejected", "refused"))
        return cls((one.get("load") or {}).get("offered", 0), confirmed, rejected, refused, sum(outcomes.values()))

    @property
    def in_order(self) -> tuple[int, ...]:
        return self.offered, self.confirmed, self.rejected, self.refused, self.other


def steps_table(rounds: list[Round]) -> Table:
    """One row a round: the step of a protocol, and what became of the orders. What must not be used is told so."""
    columns = ["killed at", "confirmed", "rejected", "other", "audit\nfindings"]
    table = narrow_table("coordinator-killed: at which step, and what became of the orders", columns)
    table.columns[1].justify = "left"
    for one in rounds:
        if why_invalid(one):
            table.add_row(f"[cyan]{one['wiring']}[/cyan]", f"[dim]{where(one)}: must not be used[/dim]")
            continue
        counts = Counts.of(one)
        colour = "red" if one["audit"]["findings"] else "green"
        table.add_row(
            f"[cyan]{one['wiring']}[/cyan]",
            f"[dim]{where(one)}: not reached[/dim]" if away_seconds(one) is None else where(one),
            f"{counts.confirmed:,}",
            f"{counts.rejected:,}",
            f"{counts.refused + counts.other:,}",
            f"[{colour}]{one['audit']['findings']:,}[/{colour}]",
        )
    return table


def found_at_steps(rounds: list[Round]) -> list[str]:
    """A sentence a round that counts, and in which the audit found something or a protocol told what it could not
    carry out."""
    return [
        f"{one['wiring']}, {where(one)}: {', '.join(f'{rule} ({count:,})' for rule, count in found.items())}."
        for one in rounds
        if why_invalid(one) is None and (found := what_was_found(one["audit"]))
    ]


def where(one: Round) -> str:
    """The step, without the name of its protocol."""
    return str(one.get("step") or "").rpartition(".")[2] or "in mid-load"


def away_seconds(one: Round) -> float | None:
    """From the coordinator's death until it was ready again; None when it was not killed."""
    outage: Mapping[str, float] | None = one.get("outage")
    return None if outage is None else outage["ready_at"] - outage["killed_at"]


def what_was_found(audit: Mapping[str, Any]) -> dict[str, int]:
    """The rules of an audit that found something, with how often."""
    return {check["rule"]: check["count"] for check in audit.get("checks", ()) if _counts(check)}


def _counts(check: Mapping[str, Any]) -> bool:
    """Findings, and the notices that are a protocol's own (what was decided and could not be carried out)."""
    told = check["rule"] in ("heuristic outcomes", "decisions that a participant contradicts")
    return bool(check["count"]) and (not check["notice"] or told)
