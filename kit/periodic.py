"""Work that comes round: upkeep beside the requests."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from kit.database import is_transient

log = structlog.get_logger()


async def every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    """Runs ``work`` for ever, ``seconds`` between the end of one round and the next. A database that is away is logged
    and waited for; any other exception of ``work`` is raised."""
    while True:
        try:
            await work()
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("upkeep has to wait", work=work.__qualname__, error=str(error))
        await asyncio.sleep(seconds)
