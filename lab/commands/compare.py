"""``shop compare``: the same orders through several wirings."""

import asyncio
import time
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.markup import escape

from lab.commands.chosen import Compose, in_containers, is_inside, is_off
from lab.commands.rounds_bar import RoundsBar
from lab.comparing.capacity.expecting import HELD, expected_searches
from lab.comparing.capacity.measuring import CapacitySettings
from lab.comparing.capacity.searching import measure_capacity
from lab.comparing.capacity.showing import capacity_lines
from lab.comparing.comparison import compare_wirings, without_rounds
from lab.comparing.container_comparison import compare_containers
from lab.comparing.differences import concluded
from lab.comparing.external import External
from lab.comparing.presets import FULL, QUICK, STARTING, USUAL, estimate, settings_for
from lab.comparing.scenarios import NAMES
from lab.comparing.schedule import WARMING
from lab.comparing.settings import CompareSettings
from lab.comparing.stopping import how_far, stoppable
from lab.comparing.table import show
from lab.comparing.time_left import in_words
from lab.comparing.turns import turns
from lab.console import MISUSED, console, errors, fail, plain_errors, step
from lab.report.numbers import plural
from lab.report.page import write_report as write_page
from lab.running.errors import ShopError
from lab.running.layout import WIRINGS
from lab.running.shop import ground
from lab.supervision import Home

_USUAL_WIRINGS, _USUAL_SCENARIOS = ",".join(USUAL.wirings), ",".join(USUAL.scenarios)


def compare(
    wirings: Annotated[
        str | None, typer.Option(help=f"Which ones, of {', '.join(WIRINGS)}.", show_default=_USUAL_WIRINGS)
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option(
            help=f"One or more of {', '.join(NAMES)}, and files of your own (.toml).", show_default=_USUAL_SCENARIOS
        ),
    ] = None,
    rate: Annotated[float, typer.Option(min=0.1, help="Orders a second, sent whatever the answers do.")] = USUAL.rate,
    seconds: Annotated[
        float | None,
        typer.Option(min=1, help="Measured seconds of a round, or more.", show_default=f"{USUAL.seconds:g}"),
    ] = None,
    warmup: Annotated[
        float | None,
        typer.Option(
            min=0, help="Seconds of load before them, not measured.", show_default=f"{USUAL.warmup_seconds:g}"
        ),
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(
            min=1, help="Rounds of each wiring; below five nothing is significant.", show_default=str(USUAL.rounds)
        ),
    ] = None,
    arrivals: Annotated[str, typer.Option(help="constant or poisson.")] = "constant",
    saturate: Annotated[bool, typer.Option("--saturate", help="Short for --scenario saturation.")] = False,
    concurrency: Annotated[str, typer.Option(help="saturation: how many customers at a time.")] = "32,128",
    quick: Annotated[bool, typer.Option("--quick", help="About a minute: a look, not a measurement.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Every scenario, every wiring; takes hours.")] = False,
    hold_transaction: Annotated[
        bool, typer.Option("--hold-transaction", help="chain: keep its transaction open through its calls.")
    ] = False,
    capacity: Annotated[
        bool, typer.Option("--capacity", help="Search the highest rate that each holds; rounds only with --scenario.")
    ] = False,
    against: Annotated[
        str | None, typer.Option(help="Also a shop of others, such as http://localhost:8081: a row of its own.")
    ] = None,
    compose: Compose = "",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Another place for results.json, beside reports/compare-TIME.")
    ] = None,
) -> None:
    """Run the same orders through several wirings, in alternating rounds, each with fresh databases, and show the cost.

    Takes about ten minutes and says beforehand how long. Ctrl-C stops it and shows what is done; once more ends it at
    once. Exit code 0 whatever the wirings lost: that is the result. Needs the machine to itself: stop the shop first.
    With --compose the shops that run in containers are compared as they are, databases and all.

    Example: `shop compare --scenario products-down,kafka-down --rate 100`
    """
    if quick and full:
        raise fail("--quick or --full, not both", code=MISUSED)
    if not is_off(compose) and (capacity or against):
        raise fail("--capacity and --against do not go with --compose", code=MISUSED)
    with plain_errors():
        given = {
            "wirings": _tuple(wirings),
            "scenarios": ("saturation",) if saturate else _tuple(scenario),
            "rate": rate,
            "seconds": seconds,
            "warmup_seconds": warmup,
            "rounds": rounds,
            "arrivals": arrivals,
            "concurrencies": tuple(_numbers(concurrency)),
            "hold_transaction": hold_transaction,
        }
        settings = settings_for(QUICK if quick else FULL if full else USUAL, given)
        document: dict[str, Any] = {}
        alone = capacity and not (scenario or saturate or quick or full or against)
        try:
            if is_off(compose):
                asyncio.run(_run(settings, document, rounds=not alone, capacity=capacity, against=against))
            else:
                asyncio.run(_run_on(compose, settings, document))
        finally:
            _report(document, json_file)


async def _run(
    settings: CompareSettings, document: dict[str, Any], *, rounds: bool, capacity: bool, against: str | None
) -> None:
    def note(name: str, text: str) -> None:
        step(f"{name}: {text}")

    outside = None if against is None else await External.at(against)
    asked = CapacitySettings(settings.wirings, first=settings.rate, products=settings.products) if capacity else None
    step(_beforehand(settings if rounds else None, outside, asked))
    async with ground(Home.from_environment(), step, lambda _name, _line: None, note) as on:
        with RoundsBar(errors) as bar, stoppable(document, searches=len(asked.wirings) if asked else 0):
            if rounds:
                await compare_wirings(on, settings, step, outside=outside, watch=bar.begins, document=document)
            else:
                document |= await without_rounds(on, settings)
            if asked:
                await measure_capacity(on, asked, step, document, watch=bar.begins)


async def _run_on(compose: str, settings: CompareSettings, document: dict[str, Any]) -> None:
    """On the shops in containers, whichever of them was named."""
    in_containers(compose)
    step(_beforehand(settings))
    inside = is_inside(compose)
    with RoundsBar(errors) as bar:
        await compare_containers(settings, step, inside=inside, watch=bar.begins, document=document)


def _beforehand(
    settings: CompareSettings | None, outside: External | None = None, asked: CapacitySettings | None = None
) -> str:
    """What there is to be done, and how long it takes."""
    parts, seconds = [], STARTING
    if settings:
        parts.append(plural(sum(one.number != WARMING for one in turns(settings, outside)), "round"))
        seconds = estimate(settings, outside)
    if asked:
        parts.append(f"{plural(len(asked.wirings), 'search', 'searches')} for the capacity")
        seconds += sum(expected_searches(asked))
    guessed = f", if {HELD:,.0f} orders/s are about what is held" if asked else ""
    return f"{' and '.join(parts)}, about {in_words(seconds)}{guessed}"


def _report(document: dict[str, Any], json_file: Path | None) -> None:
    """Shows and writes what was done, all of it or not; nothing when no round and no search was."""
    if not any(document.get(part) for part in ("rounds", "failed", "capacity")):
        return
    if stopped := document["stopped"]:
        errors.print(f"[yellow]stopped[/yellow] after {escape(how_far(stopped))}; the figures are of those")
    whole = concluded(document)
    if whole["rounds"]:
        show(whole, console)
    for line in capacity_lines(document.get("capacity", ())):
        console.print(line)
    write_report(whole, json_file)


def write_report(document: dict[str, Any], path: Path | None = None) -> Path:
    """Writes the whole document, every round of it, and the page that explains it into a folder of their own, the
    document also to ``path``; says where."""
    folder = Path("reports") / f"compare-{time.strftime('%Y%m%d-%H%M%S')}"
    folder.mkdir(parents=True, exist_ok=True)
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2)
    results = folder / "results.json"
    results.write_bytes(text)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    errors.print(f"[dim]every round and its histograms: {results}[/dim]", soft_wrap=True)
    errors.print(f"the report: [bold]{write_page(document, folder)}[/bold]", soft_wrap=True)
    return folder


def _numbers(text: str) -> list[int]:
    try:
        return [int(name) for name in _list(text)]
    except ValueError:
        raise ShopError(f"customers at a time are whole numbers such as 32,128, not {text!r}") from None


def _tuple(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(_list(text))


def _list(text: str) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
