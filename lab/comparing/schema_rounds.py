"""A round in the document of a comparison: every key, its unit and its meaning."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

HISTOGRAM = "HdrHistogram V2, compressed, base64, of microseconds"


class Part(BaseModel):
    model_config = ConfigDict(extra="allow")


class Percentiles(Part):
    """Milliseconds; null where nothing was recorded."""

    p50: float | None = Field(description="half were at most this")
    p95: float | None = Field(description="95 of 100 were")
    p99: float | None = Field(description="99 of 100 were")
    max: float | None = Field(description="all were")


class Load(Part):
    """What the generator sent and was answered, without the warm-up."""

    offered: int = Field(description="orders that were due")
    accepted: int = Field(description="answered with 2xx")
    seconds: float = Field(description="measured seconds")
    began_at: float = Field(description="Unix time of the first order, warm-up included")
    measured_from: float = Field(description="Unix time at which the warm-up ended")
    ended_at: float = Field(description="Unix time of the last answer")
    accept_latency: Percentiles = Field(description="from the intended send time to the answer, of accepted orders, ms")
    all_latency: Percentiles = Field(description="the same of all orders that were answered at all, ms")
    late: Percentiles = Field(description="how much later than intended the generator sent, ms")
    statuses: dict[str, int] = Field(description="orders by HTTP status, `no answer` or `not sent`")
    most_in_flight: int = Field(description="the most orders that waited for their answer at one moment")
    cpu_seconds: float = Field(description="CPU seconds of the generator")
    invalid: str | None = Field(description="why the generator's figures may not be used")
    histogram: str = Field(description=f"of accept latency: {HISTOGRAM}")


class Cpu(Part):
    """Of the whole round, warm-up included."""

    per_settled_ms: float | None = Field(
        description="CPU milliseconds for each order that settled; the generator apart"
    )
    seconds: dict[str, float] = Field(description="CPU seconds by part: services, worker, sidecars, database, kafka")
    generator_seconds: float = Field(description="CPU seconds of the load generator")
    kafka_counted: bool = Field(
        description="whether the broker is in `per_settled_ms`; it idles in synchronous wirings"
    )
    foreign_percent_of_machine: float | None = Field(description="what others used beside it, percent of all cores")
    wall_seconds: float = Field(description="how long CPU was counted")


class Found(Part):
    """Something that does not add up."""

    id: str = Field(description="of the order, product or transaction")
    wrong: str = Field(description="what is wrong with it")


class Check(Part):
    """A rule of the audit."""

    rule: str = Field(description="its name")
    looked_at: int = Field(description="how many things it was held against")
    count: int = Field(description="how often it was broken")
    notice: bool = Field(description="reported, but no finding")
    found: list[Found] = Field(description="the first twenty")


class Audit(Part):
    """What the databases say once the round is at rest."""

    clean: bool = Field(description="nothing was found")
    findings: int = Field(description="over all checks that are not notices")
    live: bool = Field(description="orders kept arriving, and the youngest were not judged")
    counts: dict[str, int] = Field(description="orders, deliveries and the like, by name")
    waited_seconds: float = Field(description="seconds until the round was at rest")
    seconds: float = Field(description="seconds that the audit took")
    checks: list[Check] = Field(description="all rules")


class Outage(Part):
    """The first service that was killed, if one was; see `faults`."""

    service: str = Field(description="its name")
    killed_at: float = Field(description="Unix time")
    ready_at: float = Field(description="Unix time at which it was ready again")


class Fault(Part):
    """Something that was done to the shop, as it really happened."""

    kind: str = Field(description="kill, hang, crash, deploy, prices")
    target: str | None = Field(description="what it was done to, such as products")
    began_at: float = Field(description="Unix time")
    ended_at: float | None = Field(description="Unix time at which it was undone")
    count: int | None = Field(None, description="how many changes were accepted, where the fault is many")


class Staleness(Percentiles):
    """How long after a product changed the product copy still showed the old state, ms. Events only."""

    histogram: str = Field(description=HISTOGRAM)
    changes: int = Field(description="how many changes were seen")


class Series(Part):
    """Second by second since `load.measured_from`; all lists are equally long, null where nothing is known."""

    seconds: list[int] = Field(description="0, 1, 2, ...")
    offered: list[int | None] = Field(description="orders due in that second")
    accepted: list[int | None] = Field(description="orders that were answered with 2xx in that second")
    settled: list[int | None] = Field(description="orders that were settled in that second, those of the warm-up apart")
    accept_p99_ms: list[float | None] = Field(description="of the accepted orders due in that second, ms")
    lag: list[int | None] = Field(description="events that reactions and the product copy had not handled yet")
    outbox: list[int | None] = Field(description="events that no relay had sent yet, in all three outboxes")
    circuits: dict[str, list[Literal["closed", "open", "half_open"] | None]] = Field(
        description="of each link, such as orders->products; open in chain-mesh: all hosts are ejected"
    )


class Span(Part):
    """A step of one order."""

    who: str = Field(description="the service, or kafka for an event that nobody handles")
    what: str = Field(description="such as POST /orders, or an event's name; and why, where it is not ok")
    kind: str = Field(description="request, call, event or transaction")
    from_: str | None = Field(None, alias="from", description="who asked for it, or whose event it is")
    at_ms: float = Field(description="milliseconds since the order was offered")
    took_ms: float | None = Field(description="milliseconds; of an event: until its handling began")
    ok: bool = Field(description="whether it succeeded")


class Story(Part):
    """One order of the round from its offer to its end, during the fault if there is one."""

    order_id: str | None = Field(description="of the order")
    offered_at: float = Field(description="Unix time")
    settled_at: float | None = Field(description="Unix time")
    status: str | None = Field(description="what became of it")
    spans: list[Span] = Field(description="its steps, by the time at which they began")


class Round(Part):
    """One load on one fresh shop."""

    scenario: str = Field(description="its name")
    wiring: str = Field(description="its name")
    round: int = Field(description="its number; rounds of one number are neighbours in time")
    concurrency: int = Field(description="customers at a time of a closed loop, 0 for open loops")
    step: str = Field("", description="coordinator-killed: the step of the protocol")
    outage: Outage | None = None
    faults: list[Fault] = Field([], description="what was done to the shop")
    notes: list[str] = Field([], description="why a fault did not apply, such as that the wiring has no worker")
    invalid: str | None = Field(None, description="why the round may not be used; beside `load.invalid`")
    load: Load
    outcomes: dict[str, int] | None = Field(
        None,
        description="orders offered by what became of them: confirmed (with delivery and reservation), hollow "
        "(confirmed in name only), rejected, cancelled, unsettled, lost (accepted, and in no database), refused (no "
        "order, and the customer was told), unknown (no order, no answer); accepted only of a shop of others that does "
        "not tell how they ended, whose further figures are null",
    )
    completion: Percentiles | None = Field(
        None, description="from the intended send time until settled, of accepted orders, ms"
    )
    completion_histogram: str | None = Field(None, description=f"of completion latency: {HISTOGRAM}")
    settled: int | None = Field(None, description="orders that settled, warm-up included")
    settled_per_second: float | None = Field(None, description="from `load.measured_from` until the last one settled")
    cpu: Cpu | None = None
    audit: Audit | None = None
    staleness: Staleness | None = None
    series: Series | None = None
    story: Story | None = None
