"""products and delivery as the coordinator meets them: two real HTTP servers that do what a test tells them to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.orders_svc.downstream import PRODUCTS, Behaviour, answering, free_port, problem
from tests.waiting import eventually

VERBS = ("try", "confirm", "cancel", "undo")


class Participant:
    """One of the two. By default everything goes well; ``behaves`` says what it does when it is asked to ``try``,
    ``confirm``, ``cancel`` or, later, ``undo`` a whole order. ``asked`` lists these words in the order of the requests,
    ``bodies`` their JSON."""

    def __init__(self) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.behaves: dict[str, Behaviour] = {verb: answering(200, {}) for verb in VERBS}
        self.asked: list[str] = []
        self.bodies: list[Any] = []
        self.traces: list[str | None] = []
        self.app = Starlette(
            routes=[
                Route("/products/{id:int}", _product),
                Route("/participant/tries", self._asked("try"), methods=["POST"]),
                Route("/participant/tries/{id}/confirm", self._asked("confirm"), methods=["POST"]),
                Route("/participant/tries/{id}/cancel", self._asked("cancel"), methods=["POST"]),
                Route("/participant/reservations/{id}/release", self._asked("undo"), methods=["POST"]),
                Route("/participant/deliveries/{id}/cancel", self._asked("undo"), methods=["POST"]),
            ]
        )

    def _asked(self, verb: str) -> Behaviour:
        async def respond(request: Request) -> Response:
            raw = await request.body()
            self.asked.append(verb)
            self.bodies.append(await request.json() if raw else None)
            self.traces.append(request.headers.get("traceparent"))
            return await self.behaves[verb](request)

        return respond


def after(release: asyncio.Event, behaviour: Behaviour) -> Behaviour:
    """The behaviour, but only once ``release`` is set."""

    async def respond(request: Request) -> Response:
        await release.wait()
        return await behaviour(request)

    return respond


@asynccontextmanager
async def running_participant() -> AsyncIterator[Participant]:
    participant = Participant()
    port = int(participant.url.rpartition(":")[2])
    config = uvicorn.Config(participant.app, host="127.0.0.1", port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    await eventually(lambda: server.started)
    yield participant
    server.should_exit = server.force_exit = True
    await task


async def _product(request: Request) -> Response:
    number = request.path_params["id"]
    for id, name, price in PRODUCTS:
        if id == number:
            body = {"id": id, "name": name, "price": price, "stock": 10, "withdrawn": False, "version": 7}
            return await answering(200, body)(request)
    return problem(404, "unknown-product", "there is no such product")
