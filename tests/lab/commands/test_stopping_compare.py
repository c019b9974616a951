"""Ctrl-C in the midst of a comparison: what is broken is mended, what is done is told."""

import asyncio
from pathlib import Path

import asyncpg
import orjson

from lab.backends import Addresses
from lab.supervision import Home
from tests.lab.commands.interrupting import interrupted, runs_nothing

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


async def left_behind(addresses: Addresses, home: Home) -> list[str]:
    """Databases of that home."""
    admin = await asyncpg.connect(addresses.postgres)
    try:
        found = await admin.fetch("SELECT datname FROM pg_database WHERE strpos(datname, $1) > 0", home.mark())
        return [row["datname"] for row in found]
    finally:
        await admin.close()
