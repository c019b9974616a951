"""A service as a process: FastAPI with guards, problems, health and metrics, and the tasks that run beside it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog
from fastapi import APIRouter, FastAPI

from kit import health, problems, spans, telemetry
from kit.database import Database, is_transient
from kit.ending import end
from kit.guard import BodyGuard

log = structlog.get_logger()

STOP_SECONDS = 8.0
"""A consumer that cannot reach its broker any more takes 7."""


@dataclass
class Service:
    """The parts of one service. ``tasks`` run as long as the process does; one that ends on its own ends the process
    (its supervisor starts it again): a service that answers but consumes nothing is worse than one that is down.

    ``checks`` name what must be true to take traffic: each returns None, or the reason why not. ``draining`` is called
    when the process is told to stop, while requests are still being answered; ``closing`` when they all are, and the
    tasks have ended. A task that is named in ``finishing`` ends last, when that returns, which must not take long.
    """

    name: str
    title: str
    database: Database
    routers: list[APIRouter]
    tasks: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    checks: dict[str, Callable[[], Awaitable[str | None]]] = field(default_factory=dict)
    draining: list[Callable[[], None]] = field(default_factory=list)
    finishing: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    closing: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    failed: bool = False
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def stop(self) -> None:
        """Cancels the tasks that have nothing to finish, waits ``STOP_SECONDS`` at most for them to end, and then for
        the others to say that they have finished."""
        others = [task for name, task in self.running.items() if name not in self.finishing]
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=STOP_SECONDS)
        for name, finished in self.finishing.items():
            if name in self.running and not self.running[name].done():
                await finished()


def create_app(service: Service, *, description: str, version: str = "0.1.0") -> FastAPI:
    """The ASGI application of a service. Its lifespan connects the database (waiting for it), then runs the tasks."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        runner = asyncio.create_task(_run(service), name=f"{service.name} background")
        try:
            yield
        finally:
            await service.stop()
            await end(runner)
            for close in service.closing:
                await close()
            await service.database.close()

    app = FastAPI(
        title=service.title,
        description=description,
        version=version,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # ours is kit.telemetry; a look a request saved
    )
    problems.install(app)
    for router in service.routers:
        app.include_router(router)
    app.include_router(health.router(service.database, service.checks))
    app.include_router(telemetry.router())
    app.add_middleware(BodyGuard)
    app.add_middleware(telemetry.RequestMetrics)
    if spans.recording():
        app.add_middleware(spans.RequestSpans)
    return app


async def _run(service: Service) -> None:
    """Opens the database, then runs every task until it is cancelled. If one fails, the process is asked to stop."""
    try:
        await _open(service.database)
        async with asyncio.TaskGroup() as group:
            for name, task in service.tasks.items():
                service.running[name] = group.create_task(_must_not_end(name, task), name=name)
    except* Exception as errors:
        service.failed = True
        log.critical("a background task failed; the process ends", service=service.name, exc_info=errors)
        os.kill(os.getpid(), signal.SIGTERM)


async def _must_not_end(name: str, task: Callable[[], Awaitable[None]]) -> None:
    await task()
    raise RuntimeError(f"the task {name!r} ended by itself")


async def _open(database: Database) -> None:
    delay, said = 0.1, False
    while True:
        try:
            await database.open()
        except Exception as error:
            if not is_transient(error):
                raise
            if not said:
                log.warning("the database cannot be reached; waiting for it", error=str(error))
                said = True
            await asyncio.sleep(delay)
            delay = min(delay * 2, 2.0)
        else:
            if said:
                log.info("the database is back")
            return
