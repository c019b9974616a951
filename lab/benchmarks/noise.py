"""``python -m lab.benchmarks.noise``: how far rounds of one wiring differ, and what is found all the same.

Without ``--judge`` it records healthy rounds of events and of the chain, in turns, and writes all headline figures of
each round into one file; it is written anew after every round, so that a run that is stopped leaves what it has. The
machine must be idle otherwise.

With ``--judge FILE`` it compares each wiring with itself, over and over, out of a recorded file: how often equal
wirings are said to differ, and how often a slowdown by 20 % is found, by figure and number of rounds.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson
from rich.box import SIMPLE_HEAD
from rich.table import Table

from lab.comparing.calibration import COMPARISONS, PLANTED, WIRINGS, explanation, power
from lab.comparing.comparison import without_rounds
from lab.comparing.differences import HEADLINES
from lab.comparing.rounds import Rounds
from lab.comparing.schedule import schedule, warm_ups
from lab.comparing.settings import CompareSettings
from lab.comparing.summary import FIGURES, why_invalid
from lab.console import console, plain_exit, step
from lab.running.errors import ShopError
from lab.running.shop import ground
from lab.supervision import Home

SCHEMA = "shop-noise/1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=48, help="recorded rounds of each wiring [48]")
    parser.add_argument("--seconds", type=float, default=5.0, help="measured seconds of a round [5]")
    parser.add_argument("--rate", type=float, default=50.0, help="orders a second [50]")
    parser.add_argument("--json", type=Path, help="where recorded rounds go [reports/noise-TIME.json]")
    parser.add_argument("--judge", type=Path, metavar="FILE", help="compare recorded rounds with themselves")
    asked = parser.parse_args()
    with plain_exit():
        if asked.judge:
            console.print(power_table(read(asked.judge)))
            return
        settings = CompareSettings(wirings=WIRINGS, rounds=asked.rounds, seconds=asked.seconds, rate=asked.rate)
        path = asked.json or Path("reports") / f"noise-{time.strftime('%Y%m%d-%H%M%S')}.json"
        asyncio.run(record(settings, path))
        console.print(f"recorded: {path}")


async def record(settings: CompareSettings, path: Path) -> None:
    """Runs the rounds and writes them down."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="shop-noise-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as somebody else when we are root, and must get in
        async with ground(Home(Path(folder) / "home"), step, _nobody, _nobody) as on:
            found = (await without_rounds(on, settings))["conditions"]
            how = f"--rounds {settings.rounds} --seconds {settings.seconds:g} --rate {settings.rate:g}"
            found["command"] = f"python -m lab.benchmarks.noise {how}"
            document: dict[str, Any] = {"schema": SCHEMA, "conditions": found, "rounds": []}
            scenarios = settings.chosen()
            planned = list(schedule(settings, scenarios))
            async with Rounds(on, settings, scenarios) as rounds:
                for each in warm_ups(settings):
                    step(each.told(""))
                    await rounds.round(each)
                for number, each in enumerate(planned, 1):
                    step(f"[{number}/{len(planned)}] {each.wiring}")
                    document["rounds"].append(_kept(await rounds.round(each)))
                    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))


def _kept(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "wiring": one["wiring"],
        "round": one["round"],
        "began_at": one["load"]["began_at"],
        "invalid": why_invalid(one),
        "foreign_percent_of_machine": one["cpu"]["foreign_percent_of_machine"],
        "figures": {name: FIGURES[name](one) for name in HEADLINES},
    }


def read(path: Path) -> dict[str, Any]:
    """A recorded file. Raises ShopError when it is none, OSError when it cannot be read."""
    try:
        document: dict[str, Any] = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise ShopError(f"{path} is not JSON: {error}") from None
    if document.get("schema") != SCHEMA:
        raise ShopError(f"{path} has no recorded rounds; `python -m lab.benchmarks.noise --json FILE` records some")
    return document


def power_table(recorded: dict[str, Any], comparisons: int = COMPARISONS) -> Table:
    """A row a wiring and number of rounds; percent of the comparisons."""
    table = Table(
        title=f"{comparisons} comparisons of a wiring with itself, percent of them",
        caption=explanation(comparisons),
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    figures = (name.replace("completion", "compl.").replace(" ", "\n") for name in PLANTED)
    for name in ("wiring", "rounds", "equal,\nsaid to\ndiffer", "found\nby times", *figures):
        table.add_column(name, justify="left" if name == "wiring" else "right", no_wrap=True)
    for row in power(recorded, comparisons):
        table.add_row(*row)
    return table


def _nobody(_name: str, _line: str) -> None:
    """What the backends say is in their log files."""


if __name__ == "__main__":
    main()
