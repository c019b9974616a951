"""Asking the container engine, and telling it: the ``docker`` command, which is all that is needed of it."""

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from lab.compose.settings import FILE
from lab.running.errors import ShopError


class EngineFailed(ShopError):
    """The ``docker`` command is not there, or could not do what it was told."""


class NoContainers(ShopError):
    def __init__(self) -> None:
        super().__init__(f"no shop runs in containers; start one with `docker compose -f {FILE} up --wait`")


def docker(*arguments: str, timeout: float = 30) -> str:
    """Standard output of ``docker ...``. Raises EngineFailed."""
    try:
        done = subprocess.run(
            ["docker", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise EngineFailed("there is no `docker` command on the PATH, which tells of containers") from None
    except subprocess.TimeoutExpired:
        raise EngineFailed(f"`docker {arguments[0]}` did not answer within {timeout:g} s") from None
    if done.returncode != 0:
        raise EngineFailed(f"`docker {arguments[0]}`: {done.stderr.strip() or f'exit code {done.returncode}'}")
    return done.stdout


def inspect(project: str, service: str = "") -> Sequence[dict[str, Any]]:
    """What the engine knows of the project's containers (of one service of it), also of those that have ended. Those
    of ``docker compose run`` are not among them. Raises EngineFailed."""
    labels = [f"com.docker.compose.project={project}", "com.docker.compose.oneoff=False"]
    if service:
        labels.append(f"com.docker.compose.service={service}")
    filters = [word for label in labels for word in ("--filter", f"label={label}")]
    ids = docker("ps", "--all", "--quiet", "--no-trunc", *filters).split()
    found: list[dict[str, Any]] = json.loads(docker("inspect", *ids)) if ids else []
    return found


def memory(ids: Sequence[str]) -> dict[str, float]:
    """Container id -> MiB in use; without those that do not run. Takes a second or two. Raises EngineFailed."""
    if not ids:
        return {}
    lines = docker("stats", "--no-stream", "--no-trunc", "--format", "{{.ID}} {{.MemUsage}}", *ids).splitlines()
    used = {line.split()[0]: _mebibytes(line.split()[1]) for line in lines if len(line.split()) > 1}
    return {container: amount for container, amount in used.items() if amount}


def _mebibytes(text: str) -> float:
    """``85.5MiB``, ``1.2GiB``, ``0B``."""
    for unit, factor in (("GiB", 1024.0), ("MiB", 1.0), ("KiB", 1 / 1024), ("B", 1 / 2**20)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    return 0.0
