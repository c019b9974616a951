"""The command line where no shop runs: help, mistakes, exit codes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from lab.cli import app
from lab.console import plain_errors
from lab.load.plan import PlanError
from lab.load.process import LoadFailed
from lab.running.layout import SERVICES


def every_command(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Each command with its subcommands, as they are typed after ``shop``."""
    for name, sub in getattr(command, "commands", {}).items():
        yield (*path, name)
        yield from every_command(sub, (*path, name))


APP = app()
COMMANDS = list(every_command(typer.main.get_command(APP)))


@pytest.fixture(autouse=True)
def nobody_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_COLOR", "1")


def test_the_commands_are_these() -> None:
    expected = {"up", "down", "status", "order", "compare", "audit", "replay", "events", "doctor", "demo"}
    expected |= {f"dead-letters {name}" for name in ("list", "show", "requeue", "discard")}
    expected |= {"load", "seed-history"}
    assert {" ".join(path) for path in COMMANDS} >= expected


def test_a_command_does_not_wait_for_the_others_to_be_imported() -> None:
    code = (
        "import sys; from lab.cli import main; sys.argv = ['shop', 'down', '--help']\n"
        "try: main()\n"
        "finally: print(sorted(name for name in sys.modules if name.startswith('lab.commands.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "Usage: shop down" in done.stdout
    assert done.stdout.splitlines()[-1] == "['lab.commands.down']"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(APP, [*command, "--help"])
    assert result.exit_code == 0
    assert "Example: shop " in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["compare", "--help"], "compare-TIME"), (["status", "--help"], "outbox"), (["doctor"], "Python")],
)
def test_no_color_means_no_escape_codes_even_on_a_terminal(arguments: list[str], told: str) -> None:
    """FORCE_COLOR stands for the terminal; NO_COLOR wins over colours, and styles are escape codes, too."""
    environment = {**os.environ, "FORCE_COLOR": "1", "NO_COLOR": "1", "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-m", "lab", *arguments], capture_output=True, text=True, timeout=60, env=environment
    )
    assert told in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        *(["status"], ["order", "MASK"], ["audit"], ["replay", "product-copy"]),
        *(["dead-letters", "list"], ["load"], ["seed-history", "--check"]),
    ],
)
def test_without_a_shop_the_next_step_is_named(arguments: list[str]) -> None:
    result = CliRunner().invoke(APP, arguments)
    assert result.exit_code == 1
    assert "shop up" in result.stderr
    assert result.stdout == ""


def test_down_where_nothing_runs_is_fine() -> None:
    assert CliRunner().invoke(APP, ["down"]).exit_code == 0
    told = json.loads(CliRunner().invoke(APP, ["down", "--json"]).stdout)
    assert told == {"ran": False, "ended_by_force": [], "removed": []}


@pytest.mark.parametrize("error", [LoadFailed("the load generator ended with 2"), PlanError("give a rate")])
def test_a_load_that_cannot_be_carried_out_is_a_plain_error(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit), plain_errors():
        raise error
    assert str(error) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["up", "--wiring", "pigeons"], 2, "there are events, chain"),
        (["compare", "--wirings", "pigeons"], 1, "pigeons"),
        (["compare", "--scenario", "flood"], 1, "flood"),
        (["compare", "--rate", "0"], 2, "rate"),
        (["compare", "--rate", "nan"], 2, "--rate"),
        (["compare", "--rate", "inf"], 1, "rate: more than 0"),
        (["compare", "--seconds", "inf"], 1, "seconds: more than 0"),
        (["compare", "--warmup", "inf"], 1, "warm-up seconds: 0 or more"),
        (["compare", "--rate", "1000000"], 1, "at most 100,000"),
        (["compare", "--arrivals", "burst"], 1, "there are constant, poisson"),
        (["compare", "--concurrency", "many"], 1, "whole numbers"),
        (["compare", "--wirings", "events", "--hold-transaction"], 1, "only the chain"),
        (["up", "--hold-transaction"], 2, "only the chain"),
        (["up", "--json"], 2, "--detach"),
        (["order", "MASK", "--quantity", "0"], 2, "quantity"),
        (["audit", "--orders-db", "postgresql://x/y"], 2, "all three"),
        (
            ["audit", *(f"--{name}-db=postgresql://x/y" for name in SERVICES), "--wiring", "pigeons"],
            2,
            "there are events, chain",
        ),
        (["dead-letters", "requeue"], 2, "ids, or --all, or --where"),
        (["dead-letters", "requeue", "1234abcd", "--all"], 2, "ids, or --all, or --where"),
        (["dead-letters", "requeue", "--where", "colour=red"], 2, "there is no field 'colour'; there are service"),
        (["dead-letters", "list", "--where", "products"], 2, "'products' is no condition: write FIELD=VALUE"),
        (["dead-letters", "discard", "1234abcd"], 2, "--why"),
        (["dead-letters", "discard", "1234abcd", "--why", " "], 2, "say why"),
        (["load", "--speed", "3600"], 2, "go with --trace"),
        (["load", "--trace", "pigeons"], 2, "there are completejourney"),
        (["load", "--trace", "completejourney", "--rate", "5", "--speed", "5"], 2, "not both"),
        (["load", "--rate", "inf"], 2, "must be finite"),
        (["compare", "--against", "localhost:8081"], 1, "--against is an address such as http://localhost:8081"),
        (["compare", "--against", "http://127.0.0.1:9"], 1, "start that shop first"),
        (["load", "--users", "2", "--rate", "5"], 2, "as fast as they are answered"),
        (["load", "--users", "2", "--trace", "completejourney"], 2, "as fast as they are answered"),
        (["load", "--steps", "5,10", "--rate", "5"], 2, "all the rates there are"),
        (["load", "--steps", "5,fast"], 2, "rates such as 50,100,200"),
        (["load", "--steps", "5,0"], 2, "more than 0 orders a second"),
        (["load", "--trace", "completejourney", "--ramp-to", "5"], 2, "made-up orders"),
        (["seed-history", "--trace", "pigeons"], 2, "there are completejourney"),
        (["seed-history", "--limit", "0"], 2, "--limit"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_a_mistake_is_named(arguments: list[str], code: int, said: str) -> None:
    result = CliRunner().invoke(APP, arguments)
    assert result.exit_code == code
    assert said in " ".join(result.stderr.split())


def test_doctor_speaks_json() -> None:
    result = CliRunner().invoke(APP, ["doctor", "--json"])
    assert {"subject", "state", "found", "fix"} == json.loads(result.stdout)[0].keys()


def test_python_m_lab_is_shop() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab", "--help"], capture_output=True, text=True, timeout=60, env={**os.environ}
    )
    assert done.returncode == 0
    assert "compare" in done.stdout
