"""PostgreSQL over TLS: services, migrations and the lab say in the URL whom they trust."""

import os
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from kit import migrations
from kit.database import Database, Query, is_transient
from kit.database_url import checked
from tests.tls import Authority

ENCRYPTED = Query(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))


async def encrypted(url: str) -> Any:
    database = Database(checked(url), min_size=1, max_size=1)
    try:
        await database.open()
        async with database.connection() as connection:
            return await connection.fetch_value(ENCRYPTED)
    finally:
        await database.close()


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_a_service_is_let_in_by_every_encrypted_mode(postgres: str, authority: Authority, mode: str) -> None:
    assert await encrypted(f"{postgres}?sslmode={mode}&sslrootcert={authority.certificate}") is True


async def test_migrations_go_the_same_way(postgres: str, authority: Authority) -> None:
    url = f"{postgres}?sslmode=verify-full&sslrootcert={authority.certificate}"
    await migrations.upgrade_async("delivery_svc", url)
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT count(*) FROM deliveries") == 0
    await connection.close()


async def test_a_plain_connection_is_refused_by_a_server_that_wants_none(postgres: str) -> None:
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="no encryption"):
        await encrypted(f"{postgres}?sslmode=disable")


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
async def test_a_server_signed_by_somebody_else_is_not_talked_to(postgres: str, tmp_path: Path, mode: str) -> None:
    stranger = Authority.create(tmp_path, "a stranger")
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed") as refused:
        await encrypted(f"{postgres}?sslmode={mode}&sslrootcert={stranger.certificate}")
    assert is_transient(refused.value)


async def test_only_verify_full_looks_at_the_name(postgres: str, authority: Authority) -> None:
    """The certificate is for 127.0.0.1 alone."""
    url = f"{postgres.replace('@127.0.0.1:', '@localhost:')}?sslrootcert={authority.certificate}&sslmode="
    assert await encrypted(f"{url}verify-ca") is True
    with pytest.raises(ssl.SSLCertVerificationError, match="localhost"):
        await encrypted(f"{url}verify-full")


def test_a_service_that_cannot_trust_its_database_says_why_and_waits(postgres: str, tmp_path: Path) -> None:
    stranger = Authority.create(tmp_path, "a stranger")
    url = f"{postgres}?sslmode=verify-full&sslrootcert={stranger.certificate}"
    with subprocess.Popen(
        [sys.executable, "-m", "delivery_svc"],
        env=os.environ | {"SHOP_DATABASE_URL": url, "SHOP_PORT": "0"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "the database cannot be reached" in line)
        assert process.poll() is None
        process.kill()
    assert "certificate verify failed" in line
