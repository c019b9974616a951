"""Everything a shop needs before its processes start: roles, databases, migrations, topics, catalogue."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg

import lab
from lab.running.errors import NotPrepared
from lab.running.layout import SERVICES, Layout
from lab.running.roles import create_databases, ensure_roles
from lab.running.specs import command, environment

_CHECKOUT = Path(lab.__file__).resolve().parent.parent


async def prepare(layout: Layout, progress: Callable[[str], None]) -> None:
    """Does what is still to be done; a second call changes nothing. Raises NotPrepared."""
    progress("databases and roles")
    await prepare_databases(layout)
    progress("migrations")
    await migrate(layout)
    progress("catalogue" if layout.wiring != "events" else "topics and catalogue")
    await asyncio.gather(declare_topics(layout), seed(layout))


async def prepare_databases(layout: Layout, template: Layout | None = None) -> None:
    """Roles and databases; with ``template`` the databases are copies of that layout's (which nobody may be using)."""
    try:
        admin = await asyncpg.connect(layout.admin)
        try:
            await ensure_roles(admin, layout.secret)
            await create_databases(admin, layout, template)
        finally:
            await admin.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise NotPrepared(f"PostgreSQL does not let us create databases: {error}") from error


async def migrate(layout: Layout) -> None:
    """Brings the three databases to the newest schema."""
    await asyncio.gather(
        *(
            run(f"migrating {service}", command(service, "migrate"), environment(layout, service))
            for service in SERVICES
        )
    )


async def seed(layout: Layout) -> None:
    """The default catalogue, where there is none."""
    await run("seeding products", command("products", "seed"), environment(layout, "products"))


async def declare_topics(layout: Layout) -> None:
    """The topics of the events wiring; others have none."""
    if layout.wiring == "events":
        await run("declaring topics", [sys.executable, "-m", "events.topics"], environment(layout, "orders"))


async def run(what: str, argv: list[str], env: dict[str, str]) -> None:
    """A command, to its end. Raises NotPrepared with what it said last; when cancelled it is ended first."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        env={**os.environ, **env},
        cwd=_CHECKOUT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        said = output.decode(errors="replace").strip()[-3000:]
        raise NotPrepared(f"{what} failed with exit code {process.returncode}:\n{said}")
