"""A round that cannot be measured: the comparison goes on without it, and says so."""

import asyncio
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lab.backends import Addresses
from lab.comparing.comparison import compare_wirings, run_rounds
from lab.comparing.failing import GivenUp
from lab.comparing.markdown import conditions
from lab.comparing.schedule import WARMING, Planned
from lab.comparing.schema import Results, undocumented
from lab.comparing.settings import CompareSettings
from lab.comparing.table import show
from lab.load.process import Load, LoadFailed
from lab.load.result import LoadResult
from lab.report.page import report
from lab.running.shop import ground
from lab.supervision import Home, SupervisionError
from tests.lab.comparing.documents import document, one_round, whole
from tests.lab.comparing.test_comparison import left_behind

SETTINGS = CompareSettings(rounds=2)
ORDER = ["events 0", "chain 0", "events 1", "chain 1", "chain 2", "events 2"]
DIED = LoadFailed("the load generator ended with -9: ")


class Played:
    """Rounds without a shop. ``fails`` says what a round such as ``chain 2`` ends by."""

    def __init__(self, fails: Callable[[str], BaseException | None]) -> None:
        self.begun: list[str] = []
        self._fails = fails

    async def __aenter__(self) -> "Played":
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing was made."""

    async def round(self, planned: Planned) -> dict[str, Any]:
        self.begun.append(f"{planned.wiring} {planned.number}")
        if error := self._fails(self.begun[-1]):
            raise error
        return one_round(planned.wiring, planned.number, p50=10)


async def compared(played: Played, found: dict[str, Any], settings: CompareSettings = SETTINGS) -> list[str]:
    """What was said; ``found`` is then the document."""
    said: list[str] = []
    found |= document([])
    await run_rounds(played, settings, said.append, watch=None, document=found)
    return said


def one_dies(*names: str) -> Played:
    return Played(lambda name: DIED if name in names else None)


def kept(found: dict[str, Any]) -> list[str]:
    return [f"{one['wiring']} {one['round']}" for one in found["rounds"]]


async def test_the_next_round_follows_and_the_reason_is_kept() -> None:
    found: dict[str, Any] = {}
    played = one_dies("chain 1")
    said = await compared(played, found)
    assert played.begun == ORDER
    assert kept(found) == ["events 1", "chain 2", "events 2"]
    assert found["stopped"] is None
    why = {"scenario": "healthy", "wiring": "chain", "round": 1, "concurrency": 0, "step": "", "why": str(DIED)}
    assert found["failed"] == [why]
    assert "failed, going on: healthy, chain, round 1: the load generator ended with -9:" in said


async def test_a_warm_up_that_fails_is_told_too() -> None:
    found: dict[str, Any] = {}
    said = await compared(one_dies("events 0"), found)
    assert [one["round"] for one in found["failed"]] == [WARMING]
    assert any("going on: warming up events: the load" in line for line in said)
    assert len(found["rounds"]) == 4


async def test_two_in_a_row_end_it_and_the_document_says_why() -> None:
    found: dict[str, Any] = {}
    played = one_dies("chain 1", "chain 2")
    with pytest.raises(GivenUp, match="2 rounds failed one after the other: healthy, chain, round 2: the load"):
        await compared(played, found)
    assert played.begun == ORDER[:5]
    assert kept(found) == ["events 1"]
    assert len(found["failed"]) == 2
    stopped = found["stopped"]
    assert (stopped["rounds_done"], stopped["rounds_planned"]) == (1, 4)
    assert "the load generator ended with -9" in stopped["why"]


async def test_failures_with_a_success_between_them_do_not_end_it() -> None:
    found: dict[str, Any] = {}
    await compared(one_dies("chain 0", "chain 1", "events 2"), found)
    assert kept(found) == ["events 1", "chain 2"]
    assert len(found["failed"]) == 3


async def test_where_every_round_failed_there_is_no_comparison() -> None:
    found: dict[str, Any] = {}
    with pytest.raises(GivenUp, match="no round came to its end"):
        await compared(one_dies("chain 1"), found, CompareSettings(wirings=("chain",), rounds=1))
    assert found["stopped"]["rounds_done"] == 0


async def test_a_mistake_in_the_program_ends_it_at_once() -> None:
    found: dict[str, Any] = {}
    played = Played(lambda name: TypeError("not a number") if name == "chain 1" else None)
    with pytest.raises(TypeError):
        await compared(played, found)
    assert played.begun == ORDER[:4]
    assert found["failed"] == []
    assert found["stopped"] == {"rounds_done": 1, "rounds_planned": 4, "why": "TypeError: not a number"}


async def test_a_round_that_is_stopped_and_does_not_end_well_is_not_taken_for_one_that_failed() -> None:
    def stopped_in(name: str) -> BaseException | None:
        if name != "chain 1":
            return None
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return SupervisionError("still alive after the deadline: products")

    found: dict[str, Any] = {}
    played = Played(stopped_in)
    with pytest.raises(SupervisionError):
        await asyncio.create_task(compared(played, found))
    assert played.begun == ORDER[:4]
    assert found["failed"] == []


async def test_it_is_told_wherever_figures_are_shown_and_is_in_none() -> None:
    found = whole()
    found["rounds"] = found["rounds"][1:]
    why = {"scenario": "healthy", "wiring": "events", "round": 0, "concurrency": 32, "step": "", "why": "no <answer>"}
    found |= {"failed": [why | {"round": 1}], "stopped": {"rounds_done": 3, "rounds_planned": 8, "why": "no answer"}}
    out = StringIO()
    show(found, Console(file=out, width=80))
    text = " ".join(out.getvalue().split())
    for shown in (text, conditions(found)):
        assert "A round failed and is in no figure: healthy, events, round 1, 32 at a time: no <answer>" in shown
        assert "Stopped before its end, after 3 of 8 rounds (no answer)." in shown
    assert "1 round failed and is in no figure: healthy, events, round 1, 32 at a time: no &lt;answer&gt;" in report(
        found
    )
    assert list(undocumented(Results.model_validate(found))) == []


async def test_the_first_wiring_stays_the_first_when_its_first_round_failed() -> None:
    found: dict[str, Any] = {}
    found |= document([])
    found["conditions"]["settings"]["wirings"] = ["events", "chain"]
    done = await run_rounds(one_dies("events 1"), SETTINGS, print, watch=None, document=found)
    assert kept(done) == ["chain 1", "chain 2", "events 2"]
    assert {(one["first"], one["second"]) for one in done["differences"]} == {("events", "chain")}


@pytest.mark.timeout(170)
async def test_a_generator_that_dies_leaves_nothing_behind_and_the_next_round_is_whole(
    tmp_path: Path, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", addresses.kafka)
    monkeypatch.setenv("SHOP_POSTGRES_URL", addresses.postgres)
    whole_result, loads = Load.result, list[Load]()

    async def dying(load: Load) -> LoadResult:
        loads.append(load)
        if len(loads) == 1:
            load.process.kill()
        return await whole_result(load)

    monkeypatch.setattr(Load, "result", dying)
    settings = CompareSettings(wirings=("chain", "tcc"), rate=20, seconds=1, warmup_seconds=0, rounds=1)
    async with ground(Home(tmp_path / "home"), print, print, print) as on:
        found = await compare_wirings(on, settings, print)
        assert on.supervisor.states == (), "the servers are others', so there is nothing of ours but shops"
    assert [one["wiring"] for one in found["failed"]] == ["chain"]
    assert "the load generator ended with -9" in found["failed"][0]["why"]
    (one,) = found["rounds"]
    assert (one["wiring"], one["outcomes"]) == ("tcc", {"confirmed": 20})
    assert await left_behind(addresses) == []
