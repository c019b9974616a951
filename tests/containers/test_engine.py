"""When container tests run, and what is said when they cannot."""

from pathlib import Path

import pytest

from tests.containers.engine import EngineMissing, must_not_skip, require_engine


def test_without_an_engine_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineMissing, match="SHOP_CONTAINER_SETUP"):
        require_engine({})


def test_the_set_up_command_is_run_before_looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path / "bin" / "docker", f"test -e {tmp_path}/started")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    require_engine({"SHOP_CONTAINER_SETUP": f"touch {tmp_path}/started"})


@pytest.mark.parametrize(
    ("environment", "failure"),
    [({}, False), ({"SHOP_CONTAINERS": "required"}, True), ({"SHOP_CONTAINER_SETUP": "start-it"}, True)],
)
def test_a_missing_engine_is_a_failure_only_where_one_was_promised(environment: dict[str, str], failure: bool) -> None:
    assert must_not_skip(environment) is failure


def _program(path: Path, body: str) -> None:
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
