"""What delivery calls in the chain: a products service that answers as a test tells it to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


class Products:
    """``status`` and ``answer`` are what it says; ``asked`` holds path, body and headers of what it was asked. While
    ``go_on`` is not set it says nothing."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.answer: dict[str, Any] = {"state": "reserved"}
        self.asked: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    def refuses(self, status: int, kind: str, detail: str) -> None:
        self.status = status
        self.answer = {"type": f"urn:shop:problem:{kind}", "title": "No", "status": status, "detail": detail}

    @property
    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]

    async def answers(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        self.asked.append((request.path, body, dict(request.headers)))
        await self.go_on.wait()
        return web.json_response(self.answer, status=self.status)


@asynccontextmanager
async def running_products() -> AsyncIterator[Products]:
    products, app = Products(), web.Application()
    app.router.add_post("/participant/{rest:.*}", products.answers)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    products.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield products
    products.go_on.set()
    await runner.cleanup()
