"""`shop compare --against`: a shop of others beside our own wirings, from the command to the page."""

import subprocess
import sys
from pathlib import Path

import orjson

from lab.backends import Addresses
from lab.comparing.schema import Results, undocumented
from tests.lab.commands.command_line import CommandLine
from tests.lab.comparing.original_shop import original_shop

_SHORT = ("--scenario", "healthy", "--rounds", "1", "--rate", "20", "--seconds", "1", "--warmup", "0")


def test_the_original_lab_stands_beside_the_chain(tmp_path: Path, addresses: Addresses) -> None:
    line = CommandLine(tmp_path / "home", addresses)
    with original_shop() as url:
        command = ["compare", "--wirings", "chain", *_SHORT, "--against", url, "--json", "out.json"]
        done = subprocess.run(
            [sys.executable, "-m", "lab", *command],
            env=line.environment(),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=170,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    found = orjson.loads((tmp_path / "out.json").read_bytes())
    assert [(one["wiring"], one["load"]["accepted"]) for one in found["rounds"]] == [("chain", 20), ("external", 20)]
    assert found["rounds"][0]["outcomes"] == {"confirmed": 20}
    assert found["rounds"][1]["outcomes"] == {"accepted": 20}
    assert list(undocumented(Results.model_validate(found))) == []
    (page,) = (tmp_path / "reports").glob("*/report.html")
    assert "external" in page.read_text()
    assert "external" in done.stdout
