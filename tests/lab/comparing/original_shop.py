"""A process that answers as the original lab's orders service does (Spring Data REST), without what is behind it.

Its port stands on the first line of its output; it ends when its standard input does. Products 1 to 5 exist; an
unknown one is a 500, as there. An order's ``Location`` names a host that only its own network knows.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

STOCKS = range(1, 6)


@contextmanager
def original_shop() -> Iterator[str]:
    """Its address, while it runs."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, __file__], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


class Orders:
    def __init__(self) -> None:
        self._placed: list[dict[str, Any]] = []

    async def place(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if set(asked) != {"productId", "quantity"} or asked["productId"] not in STOCKS:
            return web.json_response({"status": 500, "error": "Internal Server Error", "path": "/orders"}, status=500)
        number = len(self._placed) + 1
        here = f"http://orders:8080/orders/{number}"
        order = {
            "productId": asked["productId"],
            "productName": "MASK",
            "quantity": asked["quantity"],
            "price": 20000,
            "customerId": None,
            "state": "OrderPlaced",
            "_links": {"self": {"href": here}, "order": {"href": here}},
        }
        self._placed.append(order)
        return web.json_response(order, status=201, headers={"Location": here}, content_type="application/hal+json")

    async def one(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        if not 0 < number <= len(self._placed):
            return web.Response(status=404)
        return web.json_response(self._placed[number - 1], content_type="application/hal+json")

    async def all(self, _: web.Request) -> web.Response:
        return web.json_response({"_embedded": {"orders": self._placed}}, content_type="application/hal+json")


async def main() -> None:
    orders, app = Orders(), web.Application()
    app.router.add_post("/orders", orders.place)
    app.router.add_get("/orders", orders.all)
    app.router.add_get("/orders/{number}", orders.one)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
