"""Running a service: logging, uvicorn on uvloop, signals, exit code."""

import logging
import signal
import socket
import sys
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI

from kit.app import Service
from kit.settings import ServiceSettings

log = structlog.get_logger()


def configure_logging(settings: ServiceSettings, *, service: str) -> None:
    """One line an event on stdout, for people (``console``) or machines (``json``)."""
    renderer = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), pad_event_to=0)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    logging.getLogger("asyncpg").setLevel(logging.ERROR)  # each failed reconnect, with a traceback; we say it once
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(levelname)s %(name)s %(message)s")


def serve(app: FastAPI, service: Service, settings: ServiceSettings) -> int:
    """Serves until SIGTERM or SIGINT: stops accepting, lets requests finish, ends the tasks. The exit code: 0, or 1
    when a background task had failed."""
    log.info("starting", settings="; ".join(settings.lines()))
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=int(settings.shutdown_grace_seconds),
        timeout_keep_alive=75,
        backlog=2048,
    )
    server = _Server(config, service)
    server.run()
    log.info("stopped")
    return 1 if service.failed or not server.started else 0


class _Server(uvicorn.Server):
    """Tells the service that it is about to stop before waiting for the requests that are still under way, and counts
    a signal that was obeyed as a normal end (uvicorn raises it again afterwards, which would be exit code 143)."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for drain in self._service.draining:
            drain()
        await super().shutdown(sockets)
