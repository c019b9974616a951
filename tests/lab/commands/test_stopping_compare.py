"""Ctrl-C in the midst of a comparison: what is broken is mended, what is done is told."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import asyncpg
import orjson

from lab.backends import Addresses
from lab.supervision import Home, read_state
from lab.supervision.claim import all_recorded

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
    environment = {
        **os.environ,
        "SHOP_HOME": str(tmp_path / "home"),
        "KAFKA_BOOTSTRAP_SERVERS": addresses.kafka,
        "SHOP_POSTGRES_URL": addresses.postgres,
        "PYTHONUNBUFFERED": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "lab", *_COMPARE, *_SHORT],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    kill = threading.Timer(150, process.kill)
    kill.start()
    seen: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            seen.append(line)
            if "products: killed for 10 s" in line:
                process.send_signal(signal.SIGINT)
                break
        seen.append(process.stdout.read())
        assert process.wait(60) == 130, "".join(seen)
    finally:
        kill.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
    said = "".join(seen)
    assert "2 rounds, about" in said
    assert "stopped after 1 of 2 rounds" in said
    assert "Traceback" not in said
    document = orjson.loads((tmp_path / "out.json").read_bytes())
    assert document["stopped"] == {"rounds_done": 1, "rounds_planned": 2}
    assert [one["scenario"] for one in document["rounds"]] == ["healthy"]
    assert len(list(tmp_path.glob("reports/compare-*/results.json"))) == 1
    home = Home(tmp_path / "home")
    assert read_state(home) is None
    assert [name for name, identity in all_recorded(home).items() if identity.alive] == []
    assert asyncio.run(left_behind(addresses, home)) == []


async def left_behind(addresses: Addresses, home: Home) -> list[str]:
    """Databases of that home."""
    admin = await asyncpg.connect(addresses.postgres)
    try:
        found = await admin.fetch("SELECT datname FROM pg_database WHERE strpos(datname, $1) > 0", home.mark())
        return [row["datname"] for row in found]
    finally:
        await admin.close()
