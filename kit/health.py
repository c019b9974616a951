"""``/health/live``: the process turns. ``/health/ready``: it can do its work right now, and if not, why."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import sqlalchemy as sa
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from kit.database import Database, Query, is_transient

Check = Callable[[], Awaitable[str | None]]
_PING = Query(sa.select(sa.literal(1)))


def router(database: Database, checks: Mapping[str, Check]) -> APIRouter:
    """Routes for the two probes. Each check gets two seconds."""
    routes = APIRouter(prefix="/health", tags=["health"])

    async def database_answers() -> str | None:
        try:
            async with database.connection() as connection:
                await connection.fetch_value(_PING)
        except Exception as error:
            if is_transient(error):
                return f"database: {error}"
            raise
        return None

    @routes.get("/live", summary="Is the process alive?")
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @routes.get("/ready", summary="Can it take traffic?", responses={503: {"description": "not ready, with reasons"}})
    async def ready() -> Response:
        reasons = {}
        for name, check in {"database": database_answers, **checks}.items():
            try:
                async with asyncio.timeout(2):
                    reason = await check()
            except TimeoutError:
                reason = "no answer within 2 s"
            if reason is not None:
                reasons[name] = reason
        status = "not ready" if reasons else "ready"
        return JSONResponse({"status": status, "reasons": reasons}, 503 if reasons else 200)

    return routes
