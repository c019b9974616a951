"""Under what a figure was measured: machine, versions, settings."""

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from lab.backends.errors import NoJava
from lab.backends.jars import JarLock
from lab.backends.java import find_java
from lab.comparing.overrides import in_force, overrides
from lab.comparing.settings import CompareSettings
from lab.running.layout import Layout
from orders_svc.settings import OrdersSettings

_PACKAGES = ("aiokafka", "faust-streaming", "fastapi", "sqlalchemy", "asyncpg", "uvicorn", "uvloop", "aiohttp")


async def conditions(settings: CompareSettings, layout: Layout, *, embedded: list[str]) -> dict[str, Any]:
    """A JSON-ready description; no addresses, no secrets. ``commit`` is None outside a git checkout; Kafka's version is
    told only of the embedded one: a broker does not say its own. ``services`` has what each service goes by, as far as
    no scenario tells it otherwise."""
    return {
        "command": " ".join(["shop", *sys.argv[1:]]),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {
            "cpu": _cpu_name(),
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "load_before": [round(value, 2) for value in os.getloadavg()],
        },
        "versions": {
            "python": platform.python_version(),
            "postgresql": await _postgres_version(layout),
            **(kafka_and_java() if "kafka" in embedded else {}),
            **{name: found for name in _PACKAGES if (found := _version(name))},
        },
        "commit": commit(),
        "overrides": overrides(os.environ),
        "backends": {name: "embedded" if name in embedded else "external" for name in ("kafka", "postgres")},
        "settings": asdict(settings),
        "services": in_force(os.environ),
        "pending_timeout_seconds": pending_timeout(os.environ),
        "read_models": "events keep the product copy, without which no order is taken; no other read model runs",
        "load": "latency from the intended send time; generator, shop and backends share this machine",
    }


def pending_timeout(environment: Mapping[str, str]) -> float:
    """After how many seconds a pending order is cancelled: it decides what ends settled at all."""
    name = "pending_timeout_seconds"
    return float(environment.get(f"SHOP_{name.upper()}") or OrdersSettings.model_fields[name].default)


async def _postgres_version(layout: Layout) -> str:
    connection = await asyncpg.connect(layout.admin)
    try:
        text: str = await connection.fetchval("SHOW server_version")
        return text
    finally:
        await connection.close()


def kafka_and_java() -> dict[str, str]:
    """Versions of the embedded broker and of the Java that runs it."""
    kafka = re.match(r"org\.apache\.kafka:[^:]+:([^+!]+)", JarLock.load().endpoint)
    try:
        java = re.search(r'"([^"]+)"', find_java().version)
    except NoJava:
        java = None
    found = {"kafka": kafka, "java": java}
    return {name: match[1] for name, match in found.items() if match}


def commit(folder: Path = Path(__file__).parent) -> str | None:
    """The git commit that is checked out around that folder, with ``+changes`` when files differ from it."""
    git = ["git", "-C", str(folder)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10)
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if head.returncode != 0:
        return None
    return head.stdout.strip() + ("+changes" if changed.stdout.strip() else "")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
