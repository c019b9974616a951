"""The embedded PostgreSQL, for real, as root and as anybody."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from lab.backends import DataUnusable, PostgresServer
from lab.backends.postgres_place import find_place
from lab.supervision import Home

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="about what root has to do differently")


def query(url: str, *statements: str) -> Any:
    """The value that the last statement gives."""

    async def run() -> Any:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(run())


def test_it_is_configured_as_promised(postgres: PostgresServer) -> None:
    postgres.start()
    promised = {
        "fsync": "on",
        "max_prepared_transactions": "64",
        "max_connections": "200",
        "track_commit_timestamp": "on",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "server_encoding": "UTF8",
        "data_checksums": "on",
    }
    for name, value in promised.items():
        assert query(postgres.admin_url, f"SHOW {name}") == value, name


def test_nobody_gets_in_without_the_password(postgres: PostgresServer) -> None:
    postgres.start()
    with pytest.raises(asyncpg.InvalidPasswordError):
        query(f"postgresql://postgres:guess@127.0.0.1:{postgres.port}/postgres", "SELECT 1")
    secret = postgres.home.root / "postgres.secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_commits_and_prepared_transactions_survive_kill_minus_nine(postgres: PostgresServer) -> None:
    postgres.start()
    url = postgres.admin_url
    query(url, "CREATE TABLE fact (name text)", "INSERT INTO fact VALUES ('kept')", "SELECT 1")
    query(url, "BEGIN", "INSERT INTO fact VALUES ('prepared')", "PREPARE TRANSACTION 'p'", "SELECT 1")
    postgres.kill()
    postgres.start()
    assert postgres.admin_url == url
    assert query(url, "SELECT string_agg(name, ',') FROM fact") == "kept"
    query(url, "COMMIT PREPARED 'p'", "SELECT 1")
    assert query(url, "SELECT count(*) FROM fact") == 2


def test_it_restarts_at_once_after_its_main_process_alone_was_killed_under_a_running_query(
    postgres: PostgresServer,
) -> None:
    async def kill_under_load() -> None:
        connection = await asyncpg.connect(postgres.admin_url)
        backend = await connection.fetchval("SELECT pg_backend_pid()")
        busy = asyncio.create_task(connection.execute("SELECT count(*) FROM generate_series(1, 1000000000)"))
        while psutil.Process(backend).cpu_times().user < 0.05:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert postgres.pid
        os.kill(postgres.pid, signal.SIGKILL)
        postgres._claim.release()
        successor = PostgresServer(postgres.home)
        await asyncio.wait_for(asyncio.to_thread(_wait_for_end, postgres), 5)
        successor.start(20)
        successor.stop()
        await asyncio.gather(busy, return_exceptions=True)

    postgres.start()
    asyncio.run(kill_under_load())


def _wait_for_end(server: PostgresServer) -> None:
    assert server._process
    server._process.wait()


def test_a_stale_lock_file_that_names_a_living_process_is_no_hindrance(postgres: PostgresServer) -> None:
    postgres.start()
    postgres.kill()
    lock = postgres.place.data / "postmaster.pid"
    _, *rest = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *rest]) + "\n")
    postgres.start()
    assert query(postgres.admin_url, "SELECT 1") == 1


def test_two_homes_run_side_by_side(new_home: Callable[[], Home], postgres: PostgresServer) -> None:
    other = PostgresServer(new_home())
    postgres.start()
    other.start()
    try:
        query(postgres.admin_url, "CREATE DATABASE mine", "SELECT 1")
        assert query(other.admin_url, "SELECT count(*) FROM pg_database WHERE datname = 'mine'") == 0
        assert query(postgres.url("mine"), "SELECT current_database()") == "mine"
    finally:
        other.stop()


def test_data_of_another_version_is_refused(postgres: PostgresServer) -> None:
    postgres.place.data.mkdir(parents=True)
    (postgres.place.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(DataUnusable, match="PostgreSQL 17, this is 18"):
        postgres.start()


@as_root
def test_under_root_it_runs_as_an_unprivileged_user(postgres: PostgresServer) -> None:
    postgres.start()
    assert psutil.Process(postgres.pid).username() in ("postgres", "nobody")
    assert postgres.place.data.is_relative_to(postgres.home.root)


@as_root
def test_programs_that_this_user_cannot_run_are_copied_to_where_it_can(tmp_path: Path, home: Home) -> None:
    programs = tmp_path / "pginstall" / "bin"
    programs.mkdir(parents=True)
    (programs / "postgres").write_text("a program")
    tmp_path.chmod(0o700)
    place = find_place(home, programs)
    try:
        assert (place.programs / "postgres").read_text() == "a program"
        assert place.data.is_relative_to(home.root)
        assert place.note
        assert "cannot run the installed programs" in place.note
    finally:
        shutil.rmtree(place.programs.parent.parent)


@as_root
def test_a_home_that_this_user_cannot_enter_has_its_data_elsewhere_and_says_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    home = Home(tmp_path / "home")
    server, said = PostgresServer(home), list[str]()
    outside = server.place.data.parent
    try:
        server.start(progress=said.append)
        assert any(str(outside) in line and "cannot enter" in line for line in said)
        query(server.admin_url, "CREATE DATABASE kept", "SELECT 1")
        server.stop()
        again = PostgresServer(home)
        again.start()
        assert query(again.url("kept"), "SELECT 1") == 1
        again.stop()

        shutil.rmtree(home.root)
        fresh = PostgresServer(home)
        fresh.start()
        assert query(fresh.admin_url, "SELECT count(*) FROM pg_database WHERE datname = 'kept'") == 0
        fresh.stop()
    finally:
        shutil.rmtree(outside)
