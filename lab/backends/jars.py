"""The jars of Apache Kafka: resolved once per user, and never run unless they are the bytes we pinned."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.backends.errors import JarsDiffer

_LOCK_FILE = Path(__file__).with_name("kafka-jars.lock")
Progress = Callable[[str], None]


@dataclass(frozen=True)
class JarLock:
    """What to resolve, and the sha256 of every file that must come of it."""

    endpoint: str
    sha256: Mapping[str, str]

    @classmethod
    def load(cls, path: Path = _LOCK_FILE) -> JarLock:
        raw = tomllib.loads(path.read_text())
        return cls(raw["endpoint"], raw["sha256"])

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr((self.endpoint, sorted(self.sha256.items()))).encode()).hexdigest()[:12]

    def verify(self, folder: Path) -> None:
        """JarsDiffer names every file that is missing, unexpected or not the pinned bytes."""
        found = {path.name: path for path in folder.glob("*.jar")}
        wrong = [f"{name} is missing" for name in self.sha256 if name not in found]
        wrong += [f"{name} is not in the lock file" for name in found if name not in self.sha256]
        for name, path in found.items():
            with path.open("rb") as file:
                actual = hashlib.file_digest(file, "sha256").hexdigest()
            if actual != self.sha256.get(name, actual):
                wrong.append(f"{name} has sha256 {actual}, not {self.sha256[name]}")
        if wrong:
            raise JarsDiffer(
                "Kafka's jars are not the pinned ones:\n  "
                + "\n  ".join(sorted(wrong))
                + f"\n(folder {folder}; lock file {_LOCK_FILE.name}; remove the folder to fetch them again)"
            )


def cache_folder() -> Path:
    """Shared by all checkouts of this user; `XDG_CACHE_HOME` moves it."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "shop-events"


def jars_folder(lock: JarLock) -> Path:
    return cache_folder() / f"kafka-{lock.digest}"


def class_path(lock: JarLock) -> str:
    """Jar by jar, in a fixed order: Java's start-up cache accepts no wildcard and no other order."""
    folder = jars_folder(lock) / "lib"
    return os.pathsep.join(str(folder / name) for name in sorted(lock.sha256))


def fetch(lock: JarLock, progress: Progress) -> Path:
    """The folder with all jars, verified on every call. Resolves only when it is not there; two that fetch at
    once wait for each other; an interrupted fetch leaves nothing that would be used."""
    target = jars_folder(lock) / "lib"
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target.parent):
            if not target.is_dir():
                _resolve_into(target, lock, progress)
    lock.verify(target)
    return target


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time works in the folder."""
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _resolve_into(target: Path, lock: JarLock, progress: Progress) -> None:
    from jgo.env import EnvironmentBuilder, LinkStrategy
    from jgo.maven import MavenContext, PythonResolver

    progress(f"fetching Apache Kafka ({len(lock.sha256)} jars, once per user)")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="fetch-") as scratch:
        resolver = PythonResolver(progress_callback=_Counting(progress, len(lock.sha256)))
        context = MavenContext(resolver=resolver, repo_cache=Path(scratch) / "repository", timeout=60)
        builder = EnvironmentBuilder(
            context=context, cache_dir=Path(scratch) / "environments", link_strategy=LinkStrategy.COPY
        )
        environment = builder.from_endpoint(endpoint=lock.endpoint)
        draft = Path(scratch) / "lib"
        draft.mkdir()
        for jar in environment.all_jars:
            shutil.copyfile(jar, draft / jar.name)
        lock.verify(draft)
        draft.rename(target)


class _Counting:
    """jgo's progress protocol: called with a file's name and size, gives a context that counts its bytes."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    @contextlib.contextmanager
    def __call__(self, name: str, size: int) -> Iterator[Callable[[int], None]]:
        yield lambda count: None
        if name.endswith(".jar"):
            self._done += 1
            self._progress(f"fetched {self._done} of {self._total}: {name} ({size / 1e6:.1f} MB)")
