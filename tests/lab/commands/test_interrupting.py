"""Ctrl-C in the foreground."""

from pathlib import Path

import pytest

from lab.backends import Addresses
from lab.supervision import Home
from tests.lab.commands.interrupting import interrupted, runs_nothing


@pytest.mark.parametrize("when", ["databases and roles", "starting orders", "The shop is open"])
def test_ctrl_c_stops_everything_whenever_it_comes(tmp_path: Path, addresses: Addresses, when: str) -> None:
    said = interrupted("up", home=tmp_path / "home", addresses=addresses, when=when)
    assert runs_nothing(Home(tmp_path / "home"))
    assert "Traceback" not in said
