"""Ctrl-C in the midst of a comparison: what is broken is mended, what is done is told."""

import asyncio
from pathlib import Path

import asyncpg
import orjson

from lab.backends import Addresses
from lab.comparing.schema import Results, undocumented
from lab.supervision import Home
from tests.lab.commands.interrupting import interrupted, runs_nothing
from tests.lab.comparing.original_shop import original_shop

_COMPARE = (
    "compare",
    "--wirings",
    "events",
    "--scenario",
    "healthy,products-down",
    "--rounds",
    "1",
    "--json",
    "out.json",
)
_SHORT = ("--rate", "20", "--seconds", "2", "--warmup", "0")


def test_what_was_done_is_reported_and_nothing_is_left_when_a_fault_is_interrupted(
    tmp_path: Path, addresses: Addresses
) -> None:
    said = interrupted(
        *_COMPARE,
        *_SHORT,
        home=tmp_path / "home",
        addresses=addresses,
        when="products: killed for 10 s",
        folder=tmp_path,
        within=150,
    )
    assert "2 rounds, about" in said
    assert "stopped after 1 of 2 rounds" in said
    assert "Traceback" not in said
    document = orjson.loads((tmp_path / "out.json").read_bytes())
    assert document["stopped"] == {"rounds_done": 1, "rounds_planned": 2}
    assert [one["scenario"] for one in document["rounds"]] == ["healthy"]
    assert len(list(tmp_path.glob("reports/compare-*/results.json"))) == 1
    home = Home(tmp_path / "home")
    assert runs_nothing(home)
    assert asyncio.run(left_behind(addresses, home)) == []


def test_a_search_that_is_stopped_keeps_its_steps_and_has_no_figure(tmp_path: Path, addresses: Addresses) -> None:
    said = interrupted(
        *("compare", "--capacity", "--wirings", "chain,tcc", "--rate", "5", "--json", "out.json"),
        home=tmp_path / "home",
        addresses=addresses,
        when="capacity: chain, 5 orders/s ",  # held or not; a step that begins has a comma there
        folder=tmp_path,
        within=150,
    )
    assert "2 searches for the capacity, about 5 min, if 1,000 orders/s are about what is held" in said
    assert "[1/2] capacity: chain, 5 orders/s, about" in said
    assert "stopped after 0 of 2 searches for the capacity" in said
    assert "the search was not ended" in said
    document = orjson.loads((tmp_path / "out.json").read_bytes())
    zero = {"rounds_done": 0, "rounds_planned": 0}
    assert document["stopped"] == zero | {"searches_done": 0, "searches_planned": 2}
    (one,) = document["capacity"]
    assert (one["wiring"], one["ended"], one["orders_per_second"]) == ("chain", False, None)
    assert [step["rate"] for step in one["steps"]] == [5]
    assert list(undocumented(Results.model_validate(document))) == []
    (page,) = tmp_path.glob("reports/compare-*/report.html")
    assert "in this report are 0 of 2 searches for the capacity" in page.read_text()
    assert "The search of chain was not ended" in page.read_text()
    home = Home(tmp_path / "home")
    assert runs_nothing(home)
    assert asyncio.run(left_behind(addresses, home)) == []


def test_a_run_that_is_stopped_while_a_shop_of_others_has_its_turn_says_so(
    tmp_path: Path, addresses: Addresses
) -> None:
    with original_shop() as url:
        said = interrupted(
            *("compare", "--wirings", "chain", "--scenario", "healthy", "--rounds", "1", "--against", url),
            *(*_SHORT, "--json", "out.json"),
            home=tmp_path / "home",
            addresses=addresses,
            when="round 1: external, 20 orders/s, about",
            folder=tmp_path,
            within=150,
        )
    assert "2 rounds, about" in said
    assert "stopped after 1 of 2 rounds" in said
    document = orjson.loads((tmp_path / "out.json").read_bytes())
    assert document["stopped"] == {"rounds_done": 1, "rounds_planned": 2}
    assert [one["wiring"] for one in document["rounds"]] == ["chain"]


async def left_behind(addresses: Addresses, home: Home) -> list[str]:
    """Databases of that home."""
    admin = await asyncpg.connect(addresses.postgres)
    try:
        found = await admin.fetch("SELECT datname FROM pg_database WHERE strpos(datname, $1) > 0", home.mark())
        return [row["datname"] for row in found]
    finally:
        await admin.close()
