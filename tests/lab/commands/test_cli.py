"""The command line where no shop runs: help, mistakes, exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.cli import app

COMMANDS = ["up", "down", "status", "order", "compare", "audit", "replay", "doctor", "demo"]


@pytest.fixture(autouse=True)
def nobody_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Example: shop " in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize("arguments", [["status"], ["order", "MASK"], ["audit"], ["replay", "product-copy"]])
def test_without_a_shop_the_next_step_is_named(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "shop up" in result.stderr
    assert result.stdout == ""


def test_down_where_nothing_runs_is_fine() -> None:
    assert CliRunner().invoke(app, ["down"]).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["up", "--wiring", "pigeons"], 2, "there are events, chain"),
        (["compare", "--wirings", "pigeons"], 1, "pigeons"),
        (["compare", "--scenario", "flood"], 1, "flood"),
        (["compare", "--rate", "0"], 2, "rate"),
        (["order", "MASK", "--quantity", "0"], 2, "quantity"),
        (["audit", "--orders-db", "postgresql://x/y"], 2, "all three"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_a_mistake_is_named(arguments: list[str], code: int, said: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code
    assert said in " ".join(result.stderr.split())


def test_doctor_speaks_json() -> None:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert {"subject", "state", "found", "fix"} == json.loads(result.stdout)[0].keys()


def test_python_m_lab_is_shop() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab", "--help"], capture_output=True, text=True, timeout=60, env={**os.environ}
    )
    assert done.returncode == 0
    assert "compare" in done.stdout
