"""Whose latency it is: where some orders were not accepted, latencies are those of the others alone."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lab.comparing.cells import percent
from lab.comparing.summary import Line, at_steps

NEARLY_ALL = 99.0
"""Percent of the orders offered; below it latencies say so."""
NOT_THE_OTHERS = "Who was refused or rejected is in none of them, however long that took."


def of_whom(accepted: Mapping[str, float]) -> str:
    """``accepted`` is percent of the orders offered by wiring. As ``latencies are of accepted orders alone: of all in
    events, of 38.4 % in chain``; empty where nearly all orders were accepted in each."""
    if not accepted or min(accepted.values()) >= NEARLY_ALL:
        return ""
    parts = [f"of {'all' if share == 100 else f'{percent(share)} %'} in {wiring}" for wiring, share in accepted.items()]
    return f"latencies are of accepted orders alone: {', '.join(parts)}"


def accepted_in(rows: Iterable[Line]) -> dict[str, float]:
    """Percent of the orders offered that were accepted, by wiring, of the rows of one scenario."""
    return {row.wiring: spread.median for row in rows if (spread := row.figures["accepted %"])}


def told_by_scenario(rows: Sequence[Line], document: Mapping[str, Any]) -> list[str]:
    """A sentence a scenario in which not nearly all orders were accepted; closed loops show no latencies."""
    open_loops = [row for row in rows if not row.concurrency and row.scenario not in at_steps(document)]
    return [
        f"{scenario}: {said}. {NOT_THE_OTHERS}"
        for scenario in dict.fromkeys(row.scenario for row in open_loops)
        if (said := of_whom(accepted_in(row for row in open_loops if row.scenario == scenario)))
    ]
