"""products and delivery as the chain meets them: a real HTTP server that does what a test tells it to."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.waiting import eventually

PRODUCTS = [(1, "TV", 10_000), (2, "MASK", 20_000), (3, "NOTEBOOK", 30_000)]
Behaviour = Callable[[Request], Awaitable[Response]]


class Downstream:
    """By default everything goes well. ``get_product``, ``deliver`` and ``cancel`` may be replaced; ``calls`` lists
    what was asked, with the JSON body and the headers."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.calls: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.products = {
            id: {"id": id, "name": name, "price": price, "stock": 10, "imageUrl": "", "withdrawn": False, "version": 7}
            for id, name, price in PRODUCTS
        }
        self.get_product: Behaviour = self._product
        self.deliver: Behaviour = answering(200, {"state": "started"})
        self.cancel: Behaviour = answering(200, {"state": "cancelled"})
        self.app = Starlette(
            routes=[
                Route("/products/{id:int}", self._noted(lambda: self.get_product)),
                Route("/participant/deliveries", self._noted(lambda: self.deliver), methods=["POST"]),
                Route("/participant/deliveries/{id}/cancel", self._noted(lambda: self.cancel), methods=["POST"]),
            ]
        )

    async def _product(self, request: Request) -> Response:
        product = self.products.get(request.path_params["id"])
        if product is None:
            return problem(404, "unknown-product", "there is no such product")
        return _json(200, product)

    def _noted(self, behaviour: Callable[[], Behaviour]) -> Behaviour:
        async def respond(request: Request) -> Response:
            raw = await request.body()
            body = orjson.loads(raw) if raw else {}
            self.calls.append((f"{request.method} {request.url.path}", body, dict(request.headers)))
            return await behaviour()(request)

        return respond


def answering(status: int, body: dict[str, Any]) -> Behaviour:
    async def respond(_request: Request) -> Response:
        return _json(status, body)

    return respond


def refusing(status: int, kind: str, detail: str) -> Behaviour:
    async def respond(_request: Request) -> Response:
        return problem(status, kind, detail)

    return respond


def hanging(release: asyncio.Event) -> Behaviour:
    """Answers 200, but only once ``release`` is set."""

    async def respond(_request: Request) -> Response:
        await release.wait()
        return _json(200, {"state": "started"})

    return respond


def problem(status: int, kind: str, detail: str) -> Response:
    return _json(status, {"type": f"urn:shop:problem:{kind}", "title": "No", "status": status, "detail": detail})


@asynccontextmanager
async def running_downstream() -> AsyncIterator[Downstream]:
    downstream = Downstream(free_port())
    port = int(downstream.url.rpartition(":")[2])
    config = uvicorn.Config(downstream.app, host="127.0.0.1", port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    await eventually(lambda: server.started)
    yield downstream
    server.should_exit = server.force_exit = True
    await task


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
