"""No jar is run that is not the bytes we pinned."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from lab.backends import JarsDiffer, jars
from lab.backends.jars import JarLock, class_path, fetch


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JarLock:
    """Two jars in a cache of our own; resolving is out of the question."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(jars, "_resolve_into", lambda *arguments: pytest.fail("resolved again"))
    contents = {"a.jar": b"a", "b.jar": b"b"}
    made = JarLock("group:artifact:1", {name: hashlib.sha256(text).hexdigest() for name, text in contents.items()})
    folder = jars.jars_folder(made) / "lib"
    folder.mkdir(parents=True)
    for name, text in contents.items():
        (folder / name).write_bytes(text)
    return made


def test_jars_that_are_there_are_not_resolved_again(lock: JarLock) -> None:
    heard: list[str] = []
    folder = fetch(lock, heard.append)
    assert heard == []
    assert class_path(lock) == f"{folder}/a.jar:{folder}/b.jar"


def test_other_bytes_are_refused_with_both_digests(lock: JarLock) -> None:
    (jars.jars_folder(lock) / "lib" / "a.jar").write_bytes(b"evil")
    with pytest.raises(JarsDiffer) as refusal:
        fetch(lock, print)
    assert hashlib.sha256(b"evil").hexdigest() in str(refusal.value)
    assert lock.sha256["a.jar"] in str(refusal.value)


def test_missing_and_additional_jars_are_refused(lock: JarLock) -> None:
    folder = jars.jars_folder(lock) / "lib"
    (folder / "a.jar").rename(folder / "c.jar")
    with pytest.raises(JarsDiffer, match=r"(?s)a\.jar is missing.*c\.jar is not in the lock file"):
        fetch(lock, print)


def test_our_lock_file_pins_every_jar_and_names_no_address() -> None:
    lock = JarLock.load()
    assert len(lock.sha256) == 45
    assert all(len(digest) == 64 for digest in lock.sha256.values())
    assert "://" not in Path(jars._LOCK_FILE).read_text()
