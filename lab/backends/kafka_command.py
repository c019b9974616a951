"""Command lines that run Kafka's programs on the pinned jars."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.backends.errors import BackendError
from lab.backends.jars import JarLock, class_path, jars_folder
from lab.backends.java import find_java
from lab.backends.kafka_config import log4j2_properties, server_properties
from lab.supervision.spawn import die_with_parent

_OLDEST_WITH_CACHE = 25


@dataclass(frozen=True)
class KafkaInstallation:
    """A configured broker: `config` holds its files, `data` its storage. `users` are the SCRAM-SHA-512 users, with
    their passwords, that a new storage knows from the start."""

    jars: JarLock
    config: Path
    data: Path
    log_file: Path
    port: int
    controller_port: int
    properties: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)

    def configure(self) -> None:
        self.config.mkdir(parents=True, exist_ok=True)
        text = server_properties(self.port, self.controller_port, self.data, self.properties)
        (self.config / "server.properties").write_text(text)
        (self.config / "log4j2.properties").write_text(log4j2_properties(self.log_file))

    def server_command(self) -> list[str]:
        return self._java(*self._startup_cache(), "kafka.Kafka", str(self.config / "server.properties"))

    def training_command(self, output: Path) -> list[str]:
        """A server that writes a start-up cache when it is stopped with SIGTERM."""
        return self._java(f"-XX:AOTCacheOutput={output}", "kafka.Kafka", str(self.config / "server.properties"))

    def format(self) -> None:
        """Makes `data` the storage of a new cluster. BackendError with the tool's words when it fails."""
        self.configure()
        arguments = ["format", f"--cluster-id={_cluster_id()}", "-c", str(self.config / "server.properties")]
        for name, password in self.users.items():
            arguments += ["--add-scram", f'SCRAM-SHA-512=[name="{name}",password="{password}"]']
        done = subprocess.run(
            self._java(*self._startup_cache(), "kafka.tools.StorageTool", *arguments),
            capture_output=True,
            text=True,
            timeout=120,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
        if done.returncode:
            said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("\tat ")]
            raise BackendError("Kafka's storage cannot be formatted: " + "\n".join(said))

    def _startup_cache(self) -> list[str]:
        """Java ignores a cache that is not there or does not fit."""
        return [f"-XX:AOTCache={startup_cache_file(self.jars)}"] if startup_cache_possible() else []

    def _java(self, *words: str) -> list[str]:
        java = find_java()
        options = ["-Xmx512m", "-Djava.awt.headless=true"]
        options += [f"-Dlog4j2.configurationFile={self.config / 'log4j2.properties'}"]
        if java.major >= _OLDEST_WITH_CACHE:
            # Kafka's use of Unsafe, and a cache that does not fit this JVM, are nothing the reader could act on.
            options += ["--sun-misc-unsafe-memory-access=allow", "-Xlog:disable", "-Xlog:all=error:stderr"]
        return [str(java.path), *options, "-cp", class_path(self.jars), *words]


def _cluster_id() -> str:
    """A UUID as Kafka writes it: 22 characters, and like Kafka's own none that could be taken for an option."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")


def startup_cache_file(jars: JarLock) -> Path:
    """A cache serves exactly one build of Java and one class path."""
    build = hashlib.sha256(find_java().version.encode()).hexdigest()[:12]
    return jars_folder(jars) / f"startup-{build}.aot"


def startup_cache_possible() -> bool:
    """`SHOP_KAFKA_STARTUP_CACHE=off` says no; so does a Java before 25."""
    return os.environ.get("SHOP_KAFKA_STARTUP_CACHE", "on") != "off" and find_java().major >= _OLDEST_WITH_CACHE
