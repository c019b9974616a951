"""A PostgreSQL that takes encrypted connections only. The one out of the wheel cannot, so it is the system's."""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from lab.backends import ports
from lab.backends.postgres_place import make_private_folder, unprivileged_account
from lab.supervision.spawn import die_with_parent
from tests.tls import Authority
from tests.waiting import eventually

MISSING = "no PostgreSQL with TLS: its programs are not in /usr/lib/postgresql (Debian: apt-get install postgresql)"


def installed() -> Path | None:
    """The folder of the newest version's programs; None where there are none."""
    versions = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "postgres").exists()]
    return max(versions, key=lambda path: float(path.parent.name), default=None)


def _programs() -> Path:
    """Skips the test when there are none, or fails it when `SHOP_TLS=required`."""
    found = installed()
    if found is None:
        (pytest.fail if os.environ.get("SHOP_TLS") == "required" else pytest.skip)(MISSING)
    return found


@contextmanager
def secure_postgres(folder: Path, authority: Authority) -> Iterator[str]:
    """Yields the superuser's URL, without any ``sslmode``. ``folder`` must be one that any user can enter. Its
    certificate is for the address 127.0.0.1, and not for the name localhost."""
    programs, account, port, password = _programs(), unprivileged_account(), ports.unused_port(), secrets.token_hex(16)
    as_whom: Any = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    data, secret = folder / "postgres", folder / "postgres-password"
    make_private_folder(data, account)
    secret.write_text(password)
    files = [secret, *authority.sign("postgres", addresses="IP:127.0.0.1")]
    for path in files:
        path.chmod(0o600)
        if account:
            os.chown(path, account.uid, account.gid)
    initdb: list[Path | str] = [
        programs / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "--auth=scram-sha-256",
        f"--pwfile={secret}",
    ]
    subprocess.run([*initdb, "--locale=C", "-E", "UTF8"], cwd="/", check=True, capture_output=True, **as_whom)
    (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "fsync": "off",
        "max_prepared_transactions": "64",
        "track_commit_timestamp": "on",
        "ssl": "on",
        "ssl_cert_file": str(files[1]),
        "ssl_key_file": str(files[2]),
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (folder / "postgres.log").open("ab") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, *options],
            cwd="/",
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent(signal.SIGQUIT),
            **as_whom,
        )
    url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
    try:
        asyncio.run(_until_it_answers(url))
        yield url
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(30)
        finally:
            server.kill()
            server.wait()
        shutil.rmtree(data, ignore_errors=True)


async def _until_it_answers(url: str) -> None:
    async def answers() -> bool:
        try:
            connection = await asyncpg.connect(url)
        except (OSError, asyncpg.CannotConnectNowError):
            return False
        await connection.close()
        return True

    await eventually(answers, within=60, every=0.1)
