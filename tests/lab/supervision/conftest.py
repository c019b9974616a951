from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.supervision import Home
from tests.lab.supervision.processes import left_behind


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home of its own for the test, which must leave no process of it behind."""
    place = Home(tmp_path / "home")
    yield place
    assert left_behind(place) == []
