"""The broker's configuration, as the files that Kafka reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def server_properties(port: int, controller_port: int, data: Path, extra: Mapping[str, str]) -> str:
    """One node that is broker and controller. The voter is named in the file (not in the metadata log), so that the
    controller's port may change between two runs. `extra` wins over everything here."""
    properties = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        # One node: internal topics cannot have more replicas.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # The first consumer of a group does not wait three seconds for others.
        "group.initial.rebalance.delay.ms": "0",
        # After kill -9 the controller waits this long for the old session before it takes the new broker in.
        "broker.session.timeout.ms": "2000",
        "broker.heartbeat.interval.ms": "500",
        **extra,
    }
    return "".join(f"{name}={value}\n" for name, value in properties.items())


def log4j2_properties(log_file: Path) -> str:
    """All of the broker's log in a file of at most 4 x 10 MB; errors also on stdout, where a supervisor sees them."""
    return f"""status=error
appender.file.type=RollingFile
appender.file.name=file
appender.file.fileName={log_file}
appender.file.filePattern={log_file}.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=[%d] %p %m (%c)%n
appender.file.policies.type=Policies
appender.file.policies.size.type=SizeBasedTriggeringPolicy
appender.file.policies.size.size=10MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=3
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%p %m (%c)%n
rootLogger.level=INFO
rootLogger.appenderRef.file.ref=file
rootLogger.appenderRef.console.ref=console
rootLogger.appenderRef.console.level=ERROR
"""
