"""What Try-Confirm/Cancel has under way: open transactions of the coordinator, tries of the participants."""

from typing import Any

import asyncpg

from lab.audit import Databases

OPEN_SECONDS = 15.0
"""A transaction that is open for longer is alarming: a participant does not answer, and its try has expired by now."""

_AGE = "coalesce(extract(epoch FROM clock_timestamp() - min({})), 0)::float8 AS oldest"
_OPEN = f"""
    SELECT phase, count(*), {_AGE.format("begun_at")} FROM tcc_transactions WHERE phase <> 'heuristic'
    GROUP BY phase ORDER BY phase"""
_HEURISTIC = """
    SELECT heuristic, count(*) FROM tcc_transactions WHERE phase = 'heuristic' GROUP BY heuristic ORDER BY heuristic"""
_TRIED = f"SELECT count(*), {_AGE.format('changed_at')} FROM reservations WHERE state = 'tried'"
_TENTATIVE = f"SELECT count(*), {_AGE.format('changed_at')} FROM deliveries WHERE state = 'tentative'"


async def tries(databases: Databases) -> dict[str, Any]:
    """A JSON-ready document. ``open``: transactions by phase; ``tries``: by participant; ``heuristics``: closed ones
    that did not end as decided, by kind. Raises OSError or asyncpg.PostgresError."""
    orders = await asyncpg.connect(databases.orders)
    try:
        begun = {row["phase"]: _told(row) for row in await orders.fetch(_OPEN)}
        heuristics = {row["heuristic"]: row["count"] for row in await orders.fetch(_HEURISTIC)}
    finally:
        await orders.close()
    tried = {}
    for service, url, sql in (
        ("products", databases.products, _TRIED),
        ("delivery", databases.delivery, _TENTATIVE),
    ):
        connection = await asyncpg.connect(url)
        try:
            tried[service] = _told(await connection.fetchrow(sql))
        finally:
            await connection.close()
    return {"open": begun, "tries": tried, "heuristics": heuristics}


def alarms(found: dict[str, Any]) -> list[str]:
    """What is open for longer than it should be, in words."""
    return [
        f"{one['count']} TCC transactions are {phase}, the oldest for {one['oldest_seconds']:.0f} s: "
        "a participant does not answer"
        for phase, one in found["open"].items()
        if one["oldest_seconds"] > OPEN_SECONDS
    ]


def lines(found: dict[str, Any]) -> list[str]:
    """The same document for people, with the console's marks."""
    begun = ", ".join(f"{one['count']} {phase} ({_age(one)})" for phase, one in found["open"].items())
    tried = ", ".join(
        f"{one['count']} in {service} ({_age(one)})" for service, one in found["tries"].items() if one["count"]
    )
    said = [f"transactions open: {begun or 'none'}; tries not confirmed yet: {tried or 'none'}"]
    if found["heuristics"]:
        kinds = ", ".join(f"{count} {kind}" for kind, count in found["heuristics"].items())
        said.append(f"[yellow]heuristic outcomes:[/yellow] {kinds}; `shop audit` names them")
    return said


def _told(row: Any) -> dict[str, Any]:
    return {"count": row["count"], "oldest_seconds": round(row["oldest"], 1)}


def _age(one: dict[str, Any]) -> str:
    return f"oldest {one['oldest_seconds']:.0f} s"
