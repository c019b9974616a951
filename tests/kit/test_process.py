"""Settings, background tasks, upkeep and the end of a process."""

import asyncio
import signal
import subprocess
import sys

import pytest
from pydantic import ValidationError

from kit.ids import new_id
from kit.periodic import every
from kit.settings import ServiceSettings, masked

PROGRAM = """
import asyncio, sys
from kit.app import Service, create_app
from kit.database import Database
from kit.process import serve
from kit.settings import ServiceSettings

async def task():
    await asyncio.sleep(0.2)
    if sys.argv[1] == "fails":
        raise RuntimeError("the task cannot go on")
    if sys.argv[1] == "stays":
        print("running", flush=True)
        await asyncio.Event().wait()

class Ready(Database):
    async def open(self): pass

settings = ServiceSettings(database_url="postgresql://nobody@127.0.0.1:9/none", port=int(sys.argv[2]))
service = Service(name="kit", title="Kit", database=Ready("-"), routers=[], tasks={"task": task},
                  draining=[lambda: print("draining", flush=True)])
sys.exit(serve(create_app(service, description="-"), service, settings))
"""


@pytest.mark.parametrize("ending", ["fails", "ends"])
def test_a_task_that_fails_or_ends_takes_the_process_with_it(ending: str) -> None:
    """A supervisor starts it again; a service that answers but consumes nothing would go unnoticed."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, ending, "0"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert ("the task cannot go on" if ending == "fails" else "ended by itself") in done.stdout


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_is_told_to_stop_drains_and_exits_with_0(signal_number: int) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM, "stays", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "running" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal_number)
        output = process.stdout.read()
    assert process.returncode == 0
    assert "draining" in output


def test_settings_come_from_the_environment_and_are_shown_without_their_passwords(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP_DATABASE_URL", "postgresql://orders:s3cret@db:5432/orders")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "broker:9092")
    settings = ServiceSettings()
    assert settings.kafka_bootstrap_servers == "broker:9092"
    assert "database_url = postgresql://orders:***@db:5432/orders" in settings.lines()
    assert "s3cret" not in str(settings.lines())


@pytest.mark.parametrize(
    ("name", "value"), [("SHOP_WIRING", "carrier-pigeon"), ("SHOP_TOPIC_PREFIX", "a b"), ("SHOP_DATABASE_POOL", "1")]
)
def test_a_setting_that_cannot_be_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv("SHOP_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.removeprefix("SHOP_").lower()):
        ServiceSettings()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        (5, "5"),
        ("postgresql://h/d", "postgresql://h/d"),
        ("http://u:p@h:1/x", "http://u:***@h:1/x"),
    ],
)
def test_only_passwords_are_masked(value: object, shown: str) -> None:
    assert masked(value) == shown


async def test_upkeep_waits_for_a_database_that_is_away_and_goes_on() -> None:
    rounds: list[int] = []
    enough = asyncio.Event()

    async def work() -> None:
        rounds.append(len(rounds))
        if len(rounds) == 1:
            raise ConnectionRefusedError("away")
        if len(rounds) == 3:
            enough.set()

    task = asyncio.create_task(every(0.001, work))
    await asyncio.wait_for(enough.wait(), 5)
    task.cancel()
    await asyncio.wait([task])


async def test_upkeep_that_has_a_bug_does_not_hide_it() -> None:
    async def work() -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await asyncio.wait_for(every(0.001, work), 5)


def test_ids_are_ordered_by_their_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert {made.version for made in ids} == {7}
    assert ids == sorted(ids)
