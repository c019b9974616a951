"""Errors over HTTP: RFC 9457 problem details, for everything that is not a 2xx."""

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.status import HTTP_422_UNPROCESSABLE_CONTENT

from kit.database import TRANSIENT_KINDS, is_transient

log = structlog.get_logger()


class Problem(Exception):
    """Raise it anywhere below a route: the caller gets ``status`` with a problem body.

    ``kind`` becomes the ``type`` URI (``urn:shop:problem:<kind>``), which programs may rely on; ``detail`` is for
    people and says what was wrong and what would be right; ``extra`` are further members of the body.
    """

    def __init__(
        self, status: int, kind: str, title: str, detail: str, *, headers: dict[str, str] | None = None, **extra: object
    ) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status, self.kind, self.title, self.detail = status, kind, title, detail
        self.headers = headers or {}
        self.extra = extra

    def response(self) -> Response:
        body = {
            "type": f"urn:shop:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }
        content = orjson.dumps(body, default=str)
        return Response(content, self.status, self.headers, media_type="application/problem+json")


def unavailable(detail: str, *, retry_after_seconds: int = 1) -> Problem:
    """503: nothing is wrong with the request, come back later."""
    headers = {"Retry-After": str(retry_after_seconds)}
    return Problem(503, "unavailable", "Service unavailable", detail, headers=headers)


def install(app: FastAPI) -> None:
    """Makes every error of ``app`` a problem response; an unexpected one is logged and told without its insides."""

    @app.exception_handler(Problem)
    async def _problem(_request: Request, problem: Problem) -> Response:
        return problem.response()

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> Response:
        faults = [_fault(fault) for fault in error.errors()]
        detail = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
        if any(fault.get("type") == "json_invalid" for fault in error.errors()):
            return Problem(400, "broken-json", "The body is not JSON", detail).response()
        return Problem(
            HTTP_422_UNPROCESSABLE_CONTENT, "invalid-request", "The request is not valid", detail, errors=faults
        ).response()

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> Response:
        title = {404: "Not found", 405: "Method not allowed"}.get(error.status_code, "Error")
        headers = dict(error.headers or {})
        return Problem(error.status_code, "http", title, str(error.detail), headers=headers).response()

    async def _maybe_transient(_request: Request, error: Exception) -> Response:
        if is_transient(error):
            return unavailable("the database cannot be reached right now").response()
        raise error

    for kind in TRANSIENT_KINDS:
        app.add_exception_handler(kind, _maybe_transient)

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> Response:
        log.error("request failed", method=request.method, path=request.url.path, exc_info=error)
        return Problem(
            500, "internal", "Internal error", "the request failed; the log of the service says why"
        ).response()


def _fault(fault: dict[str, object]) -> dict[str, str]:
    location = fault.get("loc", ())
    assert isinstance(location, tuple)
    field = ".".join(str(part) for part in location if part != "body") or "body"
    return {"field": _printable(field), "message": _printable(str(fault.get("msg", "")))}


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()[:300]
