"""What a figure was measured under is written down with it."""

import subprocess
from pathlib import Path

from kit.settings import ServiceSettings
from lab.comparing.conditions import commit, kafka_and_java, pending_timeout
from lab.comparing.overrides import overrides


def test_settings_of_services_and_worker_that_the_environment_changes_are_overrides() -> None:
    found = overrides(
        {
            "SHOP_DATABASE_POOL": "3",
            "SHOP_HOLD_TRANSACTION": "true",
            "SHOP_INJECT_DELAY_MS": "400",
            "SHOP_METRICS_PORT": "9",
            "SHOP_TOPIC_PARTITIONS": "8",
        }
    )
    assert list(found) == sorted(found)
    assert len(found) == 5
    assert found["SHOP_INJECT_DELAY_MS"] == "400"


def test_every_setting_of_the_worker_is_known() -> None:
    from orders_svc.read_models.__main__ import WorkerSettings

    own = WorkerSettings.model_fields.keys() - ServiceSettings.model_fields.keys()
    assert len(overrides({f"SHOP_{name.upper()}": "1" for name in own})) == len(own)


def test_secrets_and_what_has_no_effect_are_left_out() -> None:
    assert (
        overrides(
            {
                "SHOP_DATABASE_URL": "postgresql://a:secret@b/c",
                "SHOP_POSTGRES_URL": "postgresql://a:secret@b/c",
                "SHOP_WIRING": "chain",
                "SHOP_PORT": "1",
                "SHOP_SURPRISE": "1",
                "SHOP_DATABASE_POOL": "",
                "PATH": "/bin",
            }
        )
        == {}
    )


def test_the_pending_time_out_is_the_default_or_the_environments() -> None:
    assert pending_timeout({}) == 600
    assert pending_timeout({"SHOP_PENDING_TIMEOUT_SECONDS": "5"}) == 5


def test_how_kafka_is_reached_is_told_and_as_whom_is_not() -> None:
    told = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_USERNAME": "orders", "KAFKA_SASL_PASSWORD": "secret"}
    assert overrides(told) == {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}


def test_the_embedded_brokers_version_and_javas_are_known() -> None:
    found = kafka_and_java()
    assert found["kafka"][0].isdigit()
    assert found["java"][0].isdigit()


def test_the_commit_is_told_with_a_note_of_changes(tmp_path: Path) -> None:
    assert commit(tmp_path) is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    (tmp_path / "file").write_text("one")
    for arguments in (["init", "-q"], ["add", "file"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *arguments], check=True)
    clean = commit(tmp_path)
    assert clean is not None
    assert len(clean) == 40
    (tmp_path / "file").write_text("two")
    assert commit(tmp_path) == f"{clean}+changes"
