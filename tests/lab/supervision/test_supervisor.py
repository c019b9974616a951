"""What a Supervisor promises, with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable

import pytest

from lab.supervision import AlreadyRunning, BackOff, Home, Interrupted, Phase, StartFailed, Supervisor, read_state
from tests.lab.supervision.processes import left_behind, process, read_from

Heard = list[tuple[str, str]]


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def phase_of(shop: Supervisor, name: str) -> Phase:
    return next(state.phase for state in shop.states if state.name == name)


def pid_of(shop: Supervisor, name: str) -> int | None:
    return next(state.pid for state in shop.states if state.name == name)


async def test_processes_start_in_order_each_ready_before_the_next_and_stop_in_reverse(home: Home) -> None:
    order: list[str] = []

    def told(name: str) -> Callable[[], bool]:
        def ready() -> bool:
            up = b"up" in read_from(home.log_file(name))
            if up and name not in order:
                order.append(name)
            return up

        return ready

    specs = [process(home, name, ready=told(name)) for name in ("database", "broker", "service")]
    async with Supervisor(home, specs) as shop:
        assert order == ["database", "broker", "service"]
        assert {state.phase for state in shop.states} == {Phase.READY}
        ended = asyncio.create_task(_order_of_ends(shop))
    assert await ended == ["service", "broker", "database"]


async def _order_of_ends(shop: Supervisor) -> list[str]:
    ends: list[str] = []
    while len(ends) < len(shop.states):
        ends += [s.name for s in shop.states if s.phase is Phase.STOPPED and s.name not in ends]
        await asyncio.sleep(0)
    return ends


async def test_a_process_that_ends_before_it_is_ready_is_reported_with_its_last_lines(home: Home) -> None:
    with pytest.raises(StartFailed) as failure:
        async with Supervisor(home, [process(home, "one"), process(home, "two", "ends")]):
            pytest.fail("it came up")
    assert "two ended with exit code 3" in str(failure.value)
    assert failure.value.last_lines == ("first", "no database")
    assert left_behind(home) == []


async def test_a_process_that_is_not_ready_in_time_is_reported_and_ended(home: Home) -> None:
    with pytest.raises(StartFailed, match=r"was not ready after 0\.2 s"):
        async with Supervisor(home, [process(home, "one", ready=lambda: False, ready_deadline=0.2)]):
            pytest.fail("it came up")


async def test_a_program_that_does_not_exist_is_reported(home: Home) -> None:
    spec = process(home, "one")
    with pytest.raises(StartFailed, match="cannot be started"):
        async with Supervisor(home, [type(spec)("one", ["/does/not/exist"])]):
            pytest.fail("it came up")


async def test_every_line_goes_to_the_sink_and_the_log_file(home: Home) -> None:
    lines: Heard = []
    async with Supervisor(home, [process(home, "one")], sink=lambda *line: lines.append(line)):
        assert lines == [("one", "up")]
    assert home.log_file("one").read_text() == "up\n"


async def test_a_crashed_process_is_started_again_and_that_is_said_once(home: Home) -> None:
    notes: Heard = []
    back_off = BackOff(first=0.01, longest=0.02)
    spec = process(home, "one", "ends", ready=None)
    async with Supervisor(home, [spec], notes=lambda *note: notes.append(note), back_off=back_off) as shop:
        await until(lambda: shop.states[0].restarts >= 3)
    assert len(notes) == 1
    assert "ended with exit code 3 and is started again" in notes[0][1]


async def test_a_killed_process_comes_back_with_another_pid(home: Home) -> None:
    async with Supervisor(home, [process(home, "one", ready=None)], back_off=BackOff(first=0.01)) as shop:
        before = pid_of(shop, "one")
        await shop.kill("one")
        await until(lambda: phase_of(shop, "one") is Phase.READY and shop.states[0].restarts == 1)
        assert pid_of(shop, "one") not in (before, None)


async def test_with_restarts_paused_a_killed_process_stays_down_until_it_is_started(home: Home) -> None:
    async with Supervisor(home, [process(home, "one", ready=None)], back_off=BackOff(first=0.0)) as shop:
        shop.pause_restarts("one")
        await shop.kill("one")
        await until(lambda: phase_of(shop, "one") is Phase.DOWN)
        assert pid_of(shop, "one") is None
        await shop.start("one")
        assert phase_of(shop, "one") is Phase.READY


async def test_a_stopped_process_stays_down_until_it_is_started(home: Home) -> None:
    async with Supervisor(home, [process(home, "one", ready=None)]) as shop:
        await shop.stop("one")
        assert phase_of(shop, "one") is Phase.STOPPED
        await shop.start("one")
        assert phase_of(shop, "one") is Phase.READY


async def test_a_suspended_process_does_nothing_until_it_is_resumed_and_can_be_stopped(home: Home) -> None:
    async with Supervisor(home, [process(home, "one", ready=None), process(home, "two", ready=None)]) as shop:
        shop.suspend("one")
        shop.suspend("two")
        pid = pid_of(shop, "one")
        await until(lambda: _kernel_state(pid) == "T")
        shop.resume("one")
        await until(lambda: _kernel_state(pid) == "S")
        assert phase_of(shop, "one") is Phase.READY
        began = time.monotonic()
        await shop.stop("two")
        assert time.monotonic() - began < 3


def _kernel_state(pid: int | None) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


async def test_a_process_that_does_not_hear_is_killed_after_its_grace(home: Home) -> None:
    notes: Heard = []
    spec = process(home, "one", "is deaf", stop_grace=0.1)
    async with Supervisor(home, [spec], notes=lambda *note: notes.append(note)):
        pass
    assert notes == [("one", "did not end within 0.1 s and is killed")]
    assert left_behind(home) == []


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_children_end_with_their_process(home: Home, end: str) -> None:
    async with Supervisor(home, [process(home, "one", "has children")]) as shop:
        assert len(left_behind(home)) == 3
        shop.pause_restarts("one")
        await (shop.kill("one") if end == "kill" else shop.stop("one"))
        await until(lambda: left_behind(home) == [])


async def test_the_state_can_be_read_while_it_runs_and_is_gone_afterwards(home: Home) -> None:
    async with Supervisor(home, [process(home, "one", port=1234)]) as shop:
        state = read_state(home)
        assert state is not None
        assert state.supervisor.pid == os.getpid()
        assert state.processes == shop.states
        assert state.processes[0].port == 1234
    assert read_state(home) is None
    assert list(home.run.glob("*.json")) == []


async def test_a_home_has_one_supervisor(home: Home) -> None:
    async with Supervisor(home):
        with pytest.raises(AlreadyRunning, match="already running"):
            async with Supervisor(home, handle_signals=False):
                pytest.fail("two supervisors")


async def test_a_url_is_ready_when_it_answers_2xx(home: Home) -> None:
    answers = [b"HTTP/1.1 503 Not Yet\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answers.pop(0))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Supervisor(home, [process(home, "one", ready=f"http://127.0.0.1:{port}/ready")]):
        assert answers == []


async def test_a_failure_in_the_block_stops_everything_and_is_raised(home: Home) -> None:
    with pytest.raises(ZeroDivisionError):
        async with Supervisor(home, [process(home, "one")]):
            raise ZeroDivisionError
    assert left_behind(home) == []


async def test_a_signal_in_the_block_cancels_it_and_raises_interrupted(home: Home) -> None:
    with pytest.raises(Interrupted) as end:  # noqa: PT012
        async with Supervisor(home, [process(home, "one")]) as shop:
            os.kill(os.getpid(), signal.SIGTERM)
            await shop.serve()
    assert end.value.exit_code == 128 + signal.SIGTERM
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0
