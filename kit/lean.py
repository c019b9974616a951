"""Routes for the hot path."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute


class LeanRoute(APIRoute):
    """A route whose function takes the request and returns the response, with nothing of FastAPI's in between.

    Use it as ``routes.add_api_route(..., route_class_override=LeanRoute)``. The OpenAPI document says what the
    decorator's arguments say; reading path, headers and body is the function's own business.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler
