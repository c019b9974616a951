"""The ``shop`` command as a person types it, in a home of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.backends import Addresses


@dataclass(frozen=True)
class CommandLine:
    """``shop`` in a home of its own, on the tests' backends."""

    home: Path
    addresses: Addresses
    up: Mapping[str, Any] = field(default_factory=dict)
    """What ``shop up --detach --json`` answered."""

    def run(self, *arguments: str, timeout: float = 150) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "lab", *arguments]
        return subprocess.run(command, env=self.environment(), capture_output=True, text=True, timeout=timeout)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        command, pipe = [sys.executable, "-m", "lab", *arguments], subprocess.PIPE
        return subprocess.Popen(command, env=self.environment(), text=True, stdout=pipe, stderr=pipe)

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "SHOP_HOME": str(self.home),
            "KAFKA_BOOTSTRAP_SERVERS": self.addresses.kafka,
            "SHOP_POSTGRES_URL": self.addresses.postgres,
            "NO_COLOR": "1",
            "COLUMNS": "100",
        }

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)
