"""Apache Kafka on this machine: one KRaft node, no Docker, no installed Java, no root."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace

from lab.backends import ports, startup_cache
from lab.backends.jars import JarLock, fetch
from lab.backends.kafka_command import KafkaInstallation
from lab.backends.probes import kafka_answers
from lab.backends.server import EmbeddedServer, prepare_command, silent
from lab.supervision.home import Home
from lab.supervision.spec import ProcessSpec

_PORT = "SHOP_KAFKA_PORT"


class KafkaBroker(EmbeddedServer):
    """A broker whose topics live in the home folder and survive kill -9.

    The port is `SHOP_KAFKA_PORT` or one chosen at the first start and kept. `properties` are added to the broker's
    configuration and win over ours. After kill -9 a start takes longer: the controller waits for the old session to
    end.
    """

    name = "kafka"

    def __init__(self, home: Home, properties: Mapping[str, str] | None = None) -> None:
        super().__init__(home)
        self._properties = dict(properties or {})
        self._jars = JarLock.load()

    @property
    def port(self) -> int:
        return ports.port_for(self.home, "kafka", _PORT)

    @property
    def bootstrap_servers(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answers(self) -> bool:
        return kafka_answers("127.0.0.1", self.port)

    @property
    def prepared(self) -> bool:
        return (self.home.data / self.name).is_dir() and startup_cache.is_settled(self._jars)

    def prepare(self, progress: Callable[[str], None] = silent) -> None:
        """Fetches the jars, makes Java's start-up cache (both once per user), formats the storage (once per home).
        Verifies the jars on every call."""
        fetch(self._jars, progress)
        startup_cache.make(self._jars, progress)
        installed = self._installation()
        if not installed.data.is_dir():
            draft = installed.data.with_name("kafka.new")
            shutil.rmtree(draft, ignore_errors=True)
            replace(installed, config=installed.config.with_name("kafka-format"), data=draft).format()
            draft.chmod(0o700)
            draft.rename(installed.data)

    def spec(self) -> ProcessSpec:
        if not self.runs_here:
            ports.secure(self.home, "kafka", _PORT)
            ports.secure(self.home, "kafka-controller")
        prepared = self.prepared
        if prepared:
            fetch(self._jars, silent)
        installed = self._installation()
        installed.configure()
        return ProcessSpec(
            name=self.name,
            argv=installed.server_command(),
            ready=self.answers,
            ready_deadline=60.0,
            stop_signal=self.stop_signal,
            stop_grace=20.0,
            port=self.port,
            prepare=None if prepared else prepare_command(self.name, self.home),
        )

    def _installation(self) -> KafkaInstallation:
        return KafkaInstallation(
            jars=self._jars,
            config=self.home.run / "kafka-config",
            data=self.home.data / self.name,
            log_file=self.home.logs / "kafka-server.log",
            port=self.port,
            controller_port=ports.port_for(self.home, "kafka-controller"),
            properties=self._properties,
        )
