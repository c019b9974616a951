"""The document of a comparison: every key, its unit and its meaning.

`docs/results.md` and `docs/results.schema.json` are written from here. Keys that came later may be missing in older
documents and have a default here; a reader ignores keys that it does not know.
"""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lab.comparing.schema_rounds import Part, Round


class Machine(Part):
    """What it ran on."""

    cpu: str = Field(description="its name")
    cores: int | None = Field(description="logical cores")
    memory_gib: float = Field(description="GiB")
    system: str = Field(description="operating system, release, architecture")
    load_before: list[float] = Field(
        description="the system's load averages over 1, 5 and 15 minutes before the first round"
    )


class Settings(BaseModel):
    """The knobs of `shop compare`; there may be more of them."""

    model_config = ConfigDict(extra="allow")

    wirings: list[str] = Field(description="in the order in which they were asked for")
    scenarios: list[str] = Field(description="by name")
    rate: float = Field(description="orders a second of open loops")
    seconds: float = Field(description="measured seconds of a round, at least")
    warmup_seconds: float = Field(description="seconds of load before them, in no figure but CPU")
    rounds: int = Field(description="planned, of each wiring and scenario")
    down_seconds: float | None = Field(
        None, description="seconds that a service is away, in documents whose `scenarios` do not say it"
    )
    fault_seconds: float | None = Field(None, description="how long faults last instead of what their files say")
    warming_seconds: float | None = Field(None, description="of the round that warms each wiring up and is not kept")
    concurrencies: list[int] = Field(description="customers at a time of closed loops")
    arrivals: str = Field(description="how orders are spread over time: constant, poisson")
    products: list[int] = Field(description="the products that are ordered, in turn")
    quiet_deadline: float = Field(
        description="seconds until a round that does not come to rest is audited all the same"
    )
    hold_transaction: bool = Field(description="the chain keeps its transaction open through its calls")


class Conditions(Part):
    """Under what everything below was measured."""

    command: str = Field(description="the command line")
    at: str = Field(description="when it began, UTC, ISO 8601")
    machine: Machine
    versions: dict[str, str] = Field(description="of Python, PostgreSQL, Kafka, Java and packages, by name")
    commit: str | None = Field(description="the git commit, with `+changes` where files differed from it")
    overrides: dict[str, str] = Field(description="`SHOP_*` variables that were not the defaults")
    backends: dict[str, Literal["embedded", "external", "container"]] = Field(
        description="whose Kafka and PostgreSQL they were"
    )
    settings: Settings
    pending_timeout_seconds: float | None = Field(
        None, description="a pending order is cancelled after so many seconds"
    )
    services: dict[str, dict[str, bool | float | str]] = Field(
        {}, description="every setting of each service, as far as no scenario tells it otherwise"
    )
    read_models: str = Field(description="which read models ran, in words")
    load: str = Field(description="how latency was measured, in words")


class Summary(Part):
    """A figure of a scenario and wiring over its rounds, without those that are invalid."""

    scenario: str = Field(description="its name")
    wiring: str = Field(description="its name")
    concurrency: int = Field(description="customers at a time, 0 for open loops")
    figure: str = Field(description="its name, as in the table of figures below")
    median: float = Field(description="in the figure's unit, as low and high")
    low: float = Field(description="the least of the rounds")
    high: float = Field(description="the greatest of the rounds")
    rounds: int = Field(description="how many rounds have the figure")


class Difference(Part):
    """Two wirings in one figure of one scenario."""

    scenario: str = Field(description="its name")
    concurrency: int = Field(description="customers at a time, 0 for open loops")
    figure: str = Field(description="one of the headline figures")
    first: str = Field(description="a wiring: the one named first in the command")
    second: str = Field(description="the wiring that is held against it")
    verdict: Literal["differ", "noise", "apart", "unknown"] = Field(
        description="differ: significant. noise: inside what rounds of one wiring differ by. apart: fewer than five "
        "rounds, ranges do not overlap, nothing is claimed. unknown: fewer than two rounds, or no figures"
    )
    ratio: float | None = Field(description="the second's figure for one of the first's; null where one is zero")
    low: float | None = Field(description="lower end of the ratio's interval; null below five rounds")
    high: float | None = Field(description="upper end")
    p: float | None = Field(description="of the exact test, times the number of figures tested together; at most 1")
    pairs: int = Field(description="pairs of neighbouring rounds that were judged; 0: rounds were not paired")


class CapacityStep(Part):
    """A rate that was tried."""

    rate: float = Field(description="orders offered a second")
    held: bool = Field(description="99 % were confirmed within 2 s, and no backlog grew")
    why: str = Field(description="why it was not held, or that it was")
    again: bool = Field(False, description="it had been tried before, and had nearly held")
    rested: bool = Field(True, description="afterwards the shop came to rest; the search ends where it does not")
    offered: int | None = Field(None, description="orders of the step, without its warm-up")
    in_time_percent: float | None = Field(None, description="of them confirmed in time")
    accept_p99_ms: float | None = Field(None, description="accept latency; null where none was accepted")
    grown: dict[str, list[float]] = Field(
        {}, description="backlogs that grew: median in the first and in the last third of the step, events"
    )


class CapacitySearch(Part):
    """How a capacity was searched."""

    wirings: list[str] = Field(description="by name")
    first: float = Field(description="the rate that was tried first")
    lowest: float = Field(description="no lower rate would have been tried")
    highest: float = Field(description="no higher one")
    precision: float = Field(description="0.1: the next rate that was not held is at most a tenth higher")
    seconds: float = Field(description="of a step, measured")
    warmup_seconds: float = Field(description="of a step, before them")
    rest: float = Field(description="seconds that the shop had to come to rest")
    products: list[int] = Field(description="ordered in turn")


class Capacity(Part):
    """The highest rate that a wiring held, by search."""

    wiring: str = Field(description="its name")
    orders_per_second: float | None = Field(
        description="null where not even the lowest rate was held, and where the search did not end"
    )
    ended: bool = Field(True, description="false where the search was stopped: there are the steps until then")
    steps: list[CapacityStep] = Field(description="the rates that were tried, in order")
    pending_timeout_seconds: float | None = Field(None, description="after it an order that stays pending is cancelled")
    within_seconds: float = Field(2.0, description="what in time means: confirmed so soon after an order was due")
    share_percent: float = Field(99.0, description="of the orders, so many must be confirmed in time")
    settings: CapacitySearch | None = Field(None, description="of the search")


class Stopped(Part):
    """A run that did not come to its end."""

    rounds_done: int = Field(description="those in the document")
    rounds_planned: int = Field(description="those that there would have been")
    searches_done: int = Field(0, description="searches for the capacity that came to their end")
    searches_planned: int = Field(0, description="those that there would have been")
    why: str | None = Field(None, description="what went wrong; null where somebody stopped it")


class Failed(Part):
    """A round that could not be measured: the shop did not start, or the load generator died."""

    scenario: str = Field(description="its name")
    wiring: str = Field(description="its name")
    round: int = Field(description="its number, 0 for a warm-up")
    concurrency: int = Field(description="customers at a time, 0 for open loops")
    step: str = Field(description="coordinator-killed: the step of the protocol")
    why: str = Field(description="what went wrong, in words")


class ScenarioFile(BaseModel):
    """A scenario as its file says it; everything else in that file is here, too."""

    model_config = ConfigDict(extra="allow")

    title: str = Field(description="in a few words")
    text: str = Field(description="what happens in it, for people")


class Results(Part):
    """What `shop compare` writes."""

    schema_: Literal["shop-compare/1"] = Field(
        "shop-compare/1", alias="schema", description="the version of this format"
    )
    stopped: Stopped | None = Field(None, description="how far a run came that was stopped; null for a whole one")
    conditions: Conditions
    scenarios: dict[str, ScenarioFile] = Field({}, description="by name")
    rounds: list[Round] = Field(description="every round, in the order in which they were run")
    failed: list[Failed] = Field([], description="rounds that failed: not in `rounds`, and in no figure")
    summary: list[Summary] = Field([], description="computed from the rounds")
    differences: list[Difference] = Field([], description="computed from the rounds")
    capacity: list[Capacity] = Field([], description="only where it was searched for")


def undocumented(part: Any, path: str = "") -> Iterator[str]:
    """The keys of a document that are not described here."""
    if isinstance(part, BaseModel):
        extra = {} if isinstance(part, Settings | ScenarioFile) else part.model_extra or {}
        yield from (f"{path}.{name}" for name in extra)
        for name in type(part).model_fields:
            yield from undocumented(getattr(part, name), f"{path}.{name}")
    elif isinstance(part, list | dict):
        for each in part.values() if isinstance(part, dict) else part:
            yield from undocumented(each, f"{path}[]")
