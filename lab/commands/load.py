"""``shop load``: orders for the running shop, made up or out of a real year, on time or by users who wait."""

import asyncio
import math
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from lab.commands.advancing import Advancing
from lab.commands.chosen import Compose, chosen_shop
from lab.console import FINDINGS, console, errors, fail, plain_errors, print_json, step
from lab.load.closing_lines import closing_lines
from lab.load.kept import Kept, what_was_kept
from lab.load.plan import LoadPlan
from lab.load.process import START_DELAY, Load
from lab.load.recorded import write_recorded
from lab.load.records import Record, read_records
from lab.load.result import LoadResult
from lab.load.showing import kept_lines, load_lines, users_lines
from lab.running.errors import ShopError
from lab.running.layout import Layout
from lab.trace.dataset import NAMES
from lab.trace.lines import Trace
from lab.trace.playing import arrivals, stock_up
from lab.watching.products import product_id


def load(
    rate: Annotated[
        float | None, typer.Option(min=0.01, help="Orders a second, sent whatever the answers do [50].")
    ] = None,
    ramp_to: Annotated[float | None, typer.Option(min=0.01, help="Go evenly from --rate to this rate.")] = None,
    steps: Annotated[str, typer.Option(help="Rates, one after the other: 50,100,200.")] = "",
    users: Annotated[
        int | None,
        typer.Option(min=1, max=2000, help="So many users instead, who wait for their answers, as in siege."),
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="How long [10; with --trace: to its end].")] = None,
    product: Annotated[str, typer.Option(help="Numbers or names, ordered in turn.")] = "2",
    quantity: Annotated[int, typer.Option(min=1, max=1_000_000, help="Pieces an order.")] = 1,
    pattern: Annotated[str, typer.Option("--arrivals", help="constant or poisson.")] = "constant",
    trace: Annotated[str | None, typer.Option(help=f"Real orders instead: {', '.join(NAMES)}.")] = None,
    speed: Annotated[
        float | None, typer.Option(min=0.01, help="--trace: times faster than it was; 3600 plays an hour a second.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="--trace: only the first so many lines of the year.")] = None,
    begin: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="--trace: from this day of 2017 on (UTC).")
    ] = None,
    check: Annotated[bool, typer.Option(help="Compare orders and units with the shop's databases afterwards.")] = True,
    compose: Compose = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Send orders to the running shop, each at its time whatever the answers do, and check what became of them.

    With --trace the catalogue of 92,331 real products is put in first, and the year's lines are sent in their order.
    Latencies run from the time at which an order was due. With --users each orders again as soon as the last answer
    is there, and the report is that of siege.

    Exit code 0: sent, and the shop has just what it accepted; 1: it has not, or the generator could not keep up.

    Example: `shop load --trace completejourney --rate 200 --limit 20000`
    """
    if trace is not None and trace not in NAMES:
        raise fail(f"there is no data set {trace!r}; there are {', '.join(NAMES)}", code=2)
    if trace is None and not (speed is None and limit is None and begin is None):
        raise fail("--speed, --limit and --from go with --trace", code=2)
    if rate is not None and speed is not None:
        raise fail("give --rate or --speed, not both", code=2)
    if trace is not None and (ramp_to is not None or steps):
        raise fail("--ramp-to and --steps go with made-up orders, not with --trace", code=2)
    if steps and not (rate is None and ramp_to is None):
        raise fail("--steps are all the rates there are: leave --rate and --ramp-to out", code=2)
    if users is not None and not (rate is None and ramp_to is None and trace is None and not steps):
        raise fail(
            "--users order as fast as they are answered: leave --rate, --ramp-to, --steps and --trace out", code=2
        )
    rates = _rates(steps)
    if not all(math.isfinite(number) for number in (rate or 0, ramp_to or 0, speed or 0, seconds or 0)):
        raise fail("--rate, --ramp-to, --speed and --seconds must be finite", code=2)
    with plain_errors(), ExitStack() as stack:
        layout = chosen_shop(compose)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bar = stack.enter_context(Advancing(errors))
        made = Made(layout, folder, f"load-{int(time.time() * 1000):x}", bar)
        if trace is None:
            numbers = asyncio.run(_numbers(layout, product))
            shape: dict[str, Any] = {"rate": rate or 50.0, "ramp_to": ramp_to or 0.0}
            if users is not None or rates:
                shape = {"concurrency": users or 0, "steps": rates}
            plan = made.plan(seconds or 10.0, numbers, quantity, pattern, **shape)
        else:
            plan = made.of_trace(rate or (0.0 if speed else 50.0), speed or 0.0, seconds, limit, begin)
        result, kept = asyncio.run(made.carried_out(plan, check))
        closing = None if users is None else closing_lines(read_records(Path(plan.records)))
    if as_json:
        figures = {name: value for name, value in asdict(result).items() if name != "histogram"}
        siege = {} if closing is None else {"users": users, "closing": asdict(closing)}
        print_json({"run": plan.run, "load": figures, **siege, "check": _document(kept)})
    else:
        for line in (
            *(load_lines(result) if closing is None else users_lines(result, closing)),
            *(() if kept is None else kept_lines(kept)),
        ):
            console.print(line)
    if result.invalid:
        raise fail(result.invalid)
    if kept is not None and kept.faults:
        raise fail(f"the shop does not have what it accepted: {kept.faults:,} faults", code=FINDINGS)


class Made:
    """A plan for this shop, its files in ``folder``, and carrying it out."""

    def __init__(self, layout: Layout, folder: Path, run: str, bar: Advancing) -> None:
        self._layout, self._folder, self._run, self._bar = layout, folder, run, bar
        self._wanted: list[tuple[int, int]] = []

    def plan(self, seconds: float, products: tuple[int, ...], quantity: int, pattern: str, **shape: Any) -> LoadPlan:
        """``shape`` are the fields of the plan that say how fast."""
        arrivals = cast(Any, pattern)
        plan = self._plan(seconds=seconds, products=products, quantity=quantity, arrivals=arrivals, **shape)
        self._wanted = [(number, quantity) for number in products]
        return plan

    def of_trace(
        self, rate: float, speed: float, seconds: float | None, limit: int | None, begin: datetime | None
    ) -> LoadPlan:
        step("reading the year")
        trace = Trace.read(limit)
        counts = trace.counts
        step(f"{counts.read:,} lines, {counts.kept:,} of them orders, {counts.excluded:,} left out")
        if begin is not None:
            trace = trace.since(begin.replace(tzinfo=UTC))
        file = self._folder / "recorded.csv"
        recorded = write_recorded(file, arrivals(trace, rate=rate, speed=speed, seconds=seconds))
        if not recorded.offsets:
            raise ShopError("no line of the data set is in that part of the year; it begins on 2017-01-01")
        self._wanted = list(zip(recorded.products, recorded.quantities, strict=True))
        step("the catalogue")
        asyncio.run(stock_up(self._layout, self._bar.advance))
        return self._plan(recorded=str(file), seconds=recorded.offsets[-1] + 0.001)

    async def carried_out(self, plan: LoadPlan, check: bool) -> tuple[LoadResult, Kept | None]:
        generator = await Load.start(plan)
        result = await generator.result(lambda sent, total: self._bar.advance("orders", sent, total))
        self._bar.advance("orders", result.offered, result.offered)
        if not check:
            return result, None
        step("comparing with the shop's databases")
        records: list[Record] = list(read_records(Path(plan.records)))
        wanted = [self._wanted[index % len(self._wanted)] for index in range(len(records))]
        return result, await what_was_kept(
            self._layout, records, wanted, run=plan.run, marked=plan.marked, began_at=result.began_at
        )

    def _plan(self, **fields: Any) -> LoadPlan:
        return LoadPlan(
            url=f"{self._layout.http('orders')}/orders",
            run=self._run,
            records=str(self._folder / "records.csv"),
            start_at=time.time() + START_DELAY + len(self._wanted) / 200_000,  # recorded orders have to be read
            progress_seconds=0.5,
            **fields,
        )


def _rates(text: str) -> tuple[float, ...]:
    try:
        rates = tuple(float(name) for name in text.split(",") if name.strip())
    except ValueError:
        raise fail(f"--steps are rates such as 50,100,200, not {text!r}", code=2) from None
    if not all(math.isfinite(rate) and rate > 0 for rate in rates):
        raise fail("--steps are rates of more than 0 orders a second", code=2)
    return rates


async def _numbers(layout: Layout, wanted: str) -> tuple[int, ...]:
    return tuple([await product_id(layout, name.strip()) for name in wanted.split(",")])


def _document(kept: Kept | None) -> dict[str, Any] | None:
    if kept is None:
        return None
    tallies = {name: value._asdict() if hasattr(value, "_asdict") else value for name, value in vars(kept).items()}
    return {**tallies, "adds_up": kept.faults == 0}
