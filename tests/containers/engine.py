"""Finding a container engine, and a compose project on it."""

import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = "docker-compose.kafka.yml"

NO_ENGINE = (
    "no container engine answers `docker info`: start one, or name a command that does in SHOP_CONTAINER_SETUP "
    "(it is run once; the engine must answer and hold or reach the images afterwards)"
)


class EngineMissing(Exception):
    """There is no container engine; the message says what to do."""


def require_engine(environment: Mapping[str, str] = os.environ) -> None:
    """Returns when an engine answers. Runs ``SHOP_CONTAINER_SETUP`` first where it is set (10 minutes at most).

    Raises EngineMissing when there is none, and subprocess.CalledProcessError when the set-up command fails.
    """
    command = environment.get("SHOP_CONTAINER_SETUP")
    if command:
        subprocess.run(["bash", "-c", command], check=True, stdin=subprocess.DEVNULL, timeout=600)
    if not _answers(["docker", "info"]):
        raise EngineMissing(NO_ENGINE)
    if not _answers(["docker", "compose", "version"]):
        raise EngineMissing("docker is there, its compose plugin is not: install docker-compose-plugin")


def must_not_skip(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a missing engine is a failure: somebody promised one."""
    return environment.get("SHOP_CONTAINERS") == "required" or bool(environment.get("SHOP_CONTAINER_SETUP"))


def _answers(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def free_ports(count: int) -> list[int]:
    """Ports on 127.0.0.1 that nobody listens on, all different, and below the range that outgoing connections use: one
    of those could take a port before the engine does."""
    candidates = random.sample(range(20_000, 32_000), 200)
    return [port for port in candidates if _is_free(port)][:count]


def _is_free(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) != 0


@dataclass(frozen=True)
class Compose:
    """One compose project under a name of its own, with its own ports and volumes."""

    project: str
    environment: Mapping[str, str]

    def run(self, *arguments: str, timeout: float = 120, check: bool = True) -> str:
        """Standard output of ``docker compose ...``. Raises AssertionError with everything it said when it fails."""
        command = ["docker", "compose", "-p", self.project, "-f", COMPOSE_FILE, *arguments]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0 or not check, (
            f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done.stdout

    @contextmanager
    def running(self, *options: str, build: float = 600, patience: int = 240) -> Iterator["Compose"]:
        """Builds and starts it, and takes it away at the end. A failure tells what the containers said. ``options`` are
        compose's own, for building and taking away; ``build`` and ``patience`` are seconds."""
        try:
            self.run(*options, "build", timeout=build)
            self.run("up", "--detach", "--wait", "--wait-timeout", str(patience), timeout=patience + 60)
            yield self
        except AssertionError as failure:
            failure.add_note(self.health())
            failure.add_note(self.run("logs", "--no-color", "--tail", "40"))
            raise
        finally:
            self.run(*options, "down", "--volumes", "--timeout", "20", timeout=180)

    def shop(self, *arguments: str, compose: str = "on", timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """``shop ...`` for the shop in these containers, in a process of its own."""
        told = {"COMPOSE_PROJECT_NAME": self.project, "SHOP_COMPOSE": compose}
        return subprocess.run(
            [sys.executable, "-m", "lab", *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment, **told},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def health(self) -> str:
        """What the last checks of each container said, for whoever has to find out why one is not healthy."""
        state = (
            "{{.Name}} {{.State.Status}} {{if .State.Health}}{{range .State.Health.Log}}\n   {{json .}}{{end}}{{end}}"
        )
        ids = self.run("ps", "--all", "--quiet").split()
        return subprocess.run(
            ["docker", "inspect", "--format", state, *ids], capture_output=True, text=True, timeout=60, check=False
        ).stdout

    def kill_inside(self, service: str) -> None:
        """kill -9 of all that runs in the container: it ends by itself, as after a crash, and is started again by the
        engine (what ``docker kill`` has killed is not)."""
        self.run("exec", "--no-TTY", service, "sh", "-c", "kill -9 -1", check=False)

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.environment[f'SHOP_{service.upper()}_PORT']}"
