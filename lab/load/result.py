"""A run in figures: how long customers waited, what they were told, and whether the generator itself kept up."""

from dataclasses import asdict, dataclass
from typing import Any

import orjson

from lab.load.histogram import encoded, histogram, percentiles
from lab.load.plan import LoadPlan
from lab.load.records import NO_ANSWER, NOT_SENT
from lab.load.sending import Sent


@dataclass(frozen=True)
class LoadResult:
    """Figures without the warm-up. Latencies (ms, from the intended time) are of accepted orders; ``all_latency`` of
    all that were answered. ``statuses`` maps HTTP status, "no answer" or "not sent" to counts. ``invalid`` says why
    the figures must not be used, or is None. ``cpu_seconds`` is what the generator itself burnt."""

    offered: int
    accepted: int
    seconds: float
    began_at: float
    measured_from: float
    ended_at: float
    accept_latency: dict[str, float | None]
    all_latency: dict[str, float | None]
    late: dict[str, float | None]
    statuses: dict[str, int]
    most_in_flight: int
    cpu_seconds: float
    invalid: str | None
    histogram: str

    def to_json(self) -> bytes:
        return orjson.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: bytes) -> "LoadResult":
        fields: dict[str, Any] = orjson.loads(text)
        return cls(**fields)


def summarise(plan: LoadPlan, sent: Sent, cpu_seconds: float) -> LoadResult:
    """The figures of a run that has ended."""
    began_at = sent.records[0].intended_at if sent.records else 0.0
    measured_from = began_at + plan.warmup_seconds
    measured = [record for record in sent.records if record.intended_at >= measured_from - 1e-6]
    answered = histogram(record.latency_ms for record in measured if record.accepted)
    late = percentiles(histogram(record.late_ms for record in measured))
    statuses: dict[str, int] = {}
    for record in measured:
        name = {NO_ANSWER: "no answer", NOT_SENT: "not sent"}.get(record.status, str(record.status))
        statuses[name] = statuses.get(name, 0) + 1
    return LoadResult(
        offered=len(measured),
        accepted=sum(record.accepted for record in measured),
        seconds=plan.seconds,
        began_at=began_at,
        measured_from=measured_from,
        ended_at=max((r.intended_at + r.latency_ms / 1000 for r in measured), default=began_at),
        accept_latency=percentiles(answered),
        all_latency=percentiles(histogram(record.latency_ms for record in measured if record.status > 0)),
        late=late,
        statuses=dict(sorted(statuses.items())),
        most_in_flight=sent.most_in_flight,
        cpu_seconds=round(cpu_seconds, 3),
        invalid=_invalid(plan, sent, late),
        histogram=encoded(answered),
    )


def _invalid(plan: LoadPlan, sent: Sent, late: dict[str, float | None]) -> str | None:
    if sent.starved:
        return f"the generator had no socket or port for {sent.starved:,} orders; see `ulimit -n`"
    if plan.concurrency:
        return None
    p99 = late["p99"]
    if p99 is None:
        return "nothing was sent"
    if p99 > plan.late_limit_ms:
        return f"the generator could not keep up: p99 of its own lateness is {p99:.0f} ms"
    if sent.most_in_flight > plan.connections:
        return f"the generator ran out of connections ({plan.connections}); raise `connections`"
    return None
