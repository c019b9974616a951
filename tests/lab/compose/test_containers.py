"""What is said of a container, from what the engine says."""

from typing import Any

import pytest

from lab.compose.containers import container, documents, process_states
from lab.compose.docker import EngineFailed, docker
from lab.compose.layout import compose_shop
from lab.supervision import Phase


def inspected(status: str, service: str = "products", **changes: Any) -> dict[str, Any]:
    """The part of ``docker inspect`` that is read."""
    state = {
        "Status": status,
        "OOMKilled": False,
        "Pid": 4711 if status in ("running", "paused") else 0,
        "ExitCode": 0,
        "StartedAt": "2026-12-01T01:02:03.5Z",
        "FinishedAt": "2026-12-01T02:00:00.25Z",
        "Health": {"Status": "healthy"},
    }
    return {
        "Id": "0123456789ab",
        "RestartCount": 2,
        "State": {**state, **changes},
        "Config": {"Labels": {"com.docker.compose.service": service}},
        "HostConfig": {"RestartPolicy": {"Name": "on-failure" if "migrate" in service else "unless-stopped"}},
    }


@pytest.mark.parametrize(
    ("raw", "state", "well"),
    [
        (inspected("running"), "running", True),
        (inspected("running", Health=None), "running", True),
        (inspected("running", Health={"Status": "starting"}), "running, starting", False),
        (inspected("running", Health={"Status": "unhealthy"}), "running, unhealthy", False),
        (inspected("paused"), "paused", False),
        (inspected("exited", ExitCode=137), "killed (137)", False),
        (inspected("exited", ExitCode=137, OOMKilled=True), "killed (137), out of memory", False),
        (inspected("restarting", ExitCode=1), "restarting, exited with 1", False),
        (inspected("exited", "migrate-orders"), "exited with 0", True),
        (inspected("exited", "migrate-orders", ExitCode=1), "exited with 1", False),
    ],
)
def test_a_container_is_shown_as_what_it_is(raw: dict[str, Any], state: str, well: bool) -> None:
    found = container(raw)
    assert (found.state, found.well) == (state, well)


def test_since_when_is_the_start_of_what_runs_and_the_end_of_what_does_not() -> None:
    runs, ended = container(inspected("running")), container(inspected("exited", ExitCode=137))
    assert ended.since - runs.since == pytest.approx(57 * 60 + 57 - 0.25)


def test_what_has_done_its_work_is_not_listed_and_what_failed_is() -> None:
    found = [
        container(inspected("exited", "migrate-orders")),
        container(inspected("exited", "migrate-products", ExitCode=3)),
    ]
    (listed,) = documents(found, {}, {})
    assert (listed["name"], listed["exit_code"]) == ("migrate-products", 3)


def test_consumers_have_the_names_that_they_have_without_containers() -> None:
    chain = compose_shop("chain")
    (state,) = process_states([container(inspected("paused", "chain-products"))], chain)
    assert (state.name, state.phase) == ("products", Phase.SUSPENDED)


def test_without_an_engine_the_message_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineFailed, match="no `docker` command"):
        docker("ps")
