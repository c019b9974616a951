"""What the doctor says about a machine."""

import socket
from pathlib import Path

import pytest

from lab.backends import BackendError
from lab.doctor import checks, diagnose
from lab.supervision import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_every_check_answers_and_nothing_is_created(home: Home) -> None:
    found = diagnose(home)
    assert {one.subject for one in found} >= {"Python", "Java", "PostgreSQL", "ports", "disk", "leftovers"}
    assert all(one.fix for one in found if one.state == "missing")


def test_no_java_names_the_fix(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> None:
        raise BackendError("Apache Kafka needs Java 17 or later (none found)")

    monkeypatch.setattr(checks, "find_java", nowhere)
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    found = checks.java_runs(home)
    assert found.state == "missing"
    assert "JAVA_HOME" in found.fix


def test_a_broker_in_the_environment_needs_no_java(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "10.0.0.1:9092")
    assert checks.java_runs(home).state == "ok"
    assert "10.0.0.1:9092" in checks.jars_can_be_had(home).found


def test_a_named_port_that_is_taken_stops_the_shop(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("SHOP_ORDERS_PORT", str(taken.getsockname()[1]))
        found = checks.ports_are_free(home)
    assert found.state == "missing"
    assert "SHOP_ORDERS_PORT" in found.fix


def test_a_usual_port_that_is_taken_is_only_a_note(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_ORDERS_PORT", raising=False)
    monkeypatch.setattr(checks, "is_free", lambda port: port != 8085)
    assert checks.ports_are_free(home).state == "note"


def test_too_little_disk_stops_the_shop(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_NEEDED_BYTES", 2**60)
    assert checks.disk_has_room(home).state == "missing"
