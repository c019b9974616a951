"""Java's start-up cache (JEP 514): shortens the broker's start, made once per user by a short training run."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from lab.backends.jars import JarLock, Progress, jars_folder, locked
from lab.backends.kafka_command import KafkaInstallation, startup_cache_file, startup_cache_possible
from lab.backends.ports import unused_port
from lab.backends.probes import kafka_answers
from lab.supervision.spawn import die_with_parent


def is_settled(jars: JarLock) -> bool:
    """Nothing to make: it is there, was tried in vain, is impossible (Java before 25) or unwanted."""
    if not startup_cache_possible():
        return True
    file = startup_cache_file(jars)
    return file.exists() or _failure_of(file).exists()


def make(jars: JarLock, progress: Progress) -> None:
    """Runs a throw-away broker and stops it. A failure is noted and not tried again: the broker
    starts without the cache, only slower. `SHOP_KAFKA_STARTUP_CACHE=off` leaves it out."""
    if is_settled(jars):
        return
    with locked(jars_folder(jars)):
        if is_settled(jars):
            return
        progress("preparing Java's start-up cache for Kafka (some seconds, once per user)")
        file = startup_cache_file(jars)
        with tempfile.TemporaryDirectory(dir=jars_folder(jars), prefix="training-") as scratch:
            draft = _train(jars, Path(scratch))
            if draft.exists():
                draft.rename(file)
            else:
                _failure_of(file).touch()
                progress("Java's start-up cache could not be made; Kafka starts without it")


def _train(jars: JarLock, scratch: Path) -> Path:
    draft = scratch / "startup.aot"
    broker = KafkaInstallation(
        jars=jars,
        config=scratch / "config",
        data=scratch / "data",
        log_file=scratch / "server.log",
        port=unused_port(),
        controller_port=unused_port(),
    )
    broker.format()
    process = subprocess.Popen(
        broker.training_command(draft),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    try:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if kafka_answers("127.0.0.1", broker.port):
                process.terminate()
                process.wait(60)
            time.sleep(0.05)
    except subprocess.TimeoutExpired:
        draft.unlink(missing_ok=True)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return draft


def _failure_of(file: Path) -> Path:
    return file.with_suffix(".failed")
