"""One Kafka and one PostgreSQL for all tests of this folder, which only let in who shows who they are."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.backends import PostgresServer
from lab.supervision import Home
from tests.security.secure_kafka import SecureBroker
from tests.security.secure_postgres import installed, secure_postgres
from tests.tls import Authority


@pytest.fixture(scope="package")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="shop-security-"))
    made.chmod(0o755)  # PostgreSQL runs as somebody else when we are root, and must get in
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="package")
def authority(folder: Path) -> Authority:
    return Authority.create(folder / "authority")


@pytest.fixture(scope="package")
def broker(folder: Path, authority: Authority) -> Iterator[SecureBroker]:
    server = SecureBroker(Home(folder / "home"), authority)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="package")
def postgres(folder: Path, authority: Authority) -> Iterator[str]:
    """The superuser's URL, without any ``sslmode``."""
    with secure_postgres(folder, authority) as url:
        yield url


@pytest.fixture(scope="package")
def servers_url(folder: Path, authority: Authority, request: pytest.FixtureRequest) -> Iterator[str]:
    """A superuser's URL for tests about Kafka: the PostgreSQL above, its certificate checked, or, where there is no
    such one, the one out of the wheel."""
    if installed():
        yield f"{request.getfixturevalue('postgres')}?sslmode=verify-full&sslrootcert={authority.certificate}"
    else:
        server = PostgresServer(Home(folder / "home"), {"fsync": "off"})
        server.start()
        yield server.admin_url
        server.stop()


@pytest.fixture(scope="package")
def declared(broker: SecureBroker) -> str:
    """Topics and permissions of the prefix ``shop``, as the command makes them; what it said."""
    return declare(broker)


def declare(broker: SecureBroker, user: str = "admin", **environment: str) -> str:
    """``python -m events.topics`` as that user; what it said, on stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "events.topics"],
        env={**os.environ, "SHOP_TOPIC_ACLS": "on", **broker.environment(user), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr
