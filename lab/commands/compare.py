"""``shop compare``: the same orders through several wirings."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, cast

import orjson
import typer

from kit.settings import Wiring
from lab.comparing.comparison import compare_wirings
from lab.comparing.scenarios import SCENARIOS
from lab.comparing.settings import CompareSettings
from lab.comparing.table import show
from lab.console import console, errors, plain_errors, step
from lab.running.errors import ShopError
from lab.running.layout import WIRINGS
from lab.running.shop import ground
from lab.supervision import Home


def compare(
    wirings: Annotated[str, typer.Option(help=f"Which ones, of {', '.join(WIRINGS)}.")] = "events,chain",
    scenario: Annotated[str, typer.Option(help=f"One or more of {', '.join(SCENARIOS)}.")] = "healthy",
    rate: Annotated[float, typer.Option(min=0.1, help="Orders a second, sent whatever the answers do.")] = 50.0,
    seconds: Annotated[float, typer.Option(min=1, help="Measured seconds of a round.")] = 20.0,
    warmup: Annotated[float, typer.Option(min=0, help="Seconds of load before them that are not measured.")] = 3.0,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each wiring; below five nothing is significant.")] = 3,
    arrivals: Annotated[str, typer.Option(help="constant or poisson.")] = "constant",
    saturate: Annotated[bool, typer.Option("--saturate", help="Short for --scenario saturation.")] = False,
    concurrency: Annotated[str, typer.Option(help="saturation: how many customers at a time.")] = "32,128",
    quick: Annotated[bool, typer.Option("--quick", help="One round of 6 seconds: a look, not a measurement.")] = False,
    hold_transaction: Annotated[
        bool, typer.Option("--hold-transaction", help="chain: keep its transaction open through its calls.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Where the figures go [reports/compare-TIME.json].")
    ] = None,
) -> None:
    """Run the same orders through several wirings, in alternating rounds, each with fresh databases, and show the cost.

    Exit code 0 whatever the wirings lost: that is the result. Needs the machine to itself: stop the shop first.

    Example: `shop compare --scenario healthy,products-down --rate 100 --rounds 5`
    """
    with plain_errors():
        settings = CompareSettings(
            wirings=cast(tuple[Wiring, ...], tuple(_list(wirings))),
            scenarios=("saturation",) if saturate else tuple(_list(scenario)),
            rate=rate,
            seconds=seconds,
            warmup_seconds=warmup,
            rounds=rounds,
            arrivals=arrivals,
            concurrencies=tuple(_numbers(concurrency)),
            hold_transaction=hold_transaction,
        )
        if quick:
            settings = replace(settings, rounds=1, seconds=6.0, warmup_seconds=1.0)
        document = asyncio.run(_run(settings))
    show(document, console)
    write_report(document, json_file)


async def _run(settings: CompareSettings) -> dict[str, Any]:
    def note(name: str, text: str) -> None:
        step(f"{name}: {text}")

    with errors.status("comparing") as spinner:

        def say(text: str) -> None:
            step(text)
            spinner.update(text)

        async with ground(Home.from_environment(), say, lambda _name, _line: None, note) as on:
            return await compare_wirings(on, settings, say)


def write_report(document: dict[str, Any], path: Path | None = None) -> Path:
    """Writes the whole document, every round of it, and says where."""
    path = path or Path("reports") / f"compare-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    errors.print(f"[dim]every round and its histogram: {path}[/dim]")
    return path


def _numbers(text: str) -> list[int]:
    try:
        return [int(name) for name in _list(text)]
    except ValueError:
        raise ShopError(f"customers at a time are whole numbers such as 32,128, not {text!r}") from None


def _list(text: str) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
