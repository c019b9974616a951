"""The second phase over HTTP: finishing what was prepared. The first phase's routes are each service's own."""

from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Response
from pydantic import BaseModel

from kit.documentation import problems, takes
from kit.two_phase.transactions import PreparedTransactions

PREFIX = "/participant/prepared"


def router(transactions: PreparedTransactions) -> APIRouter:
    routes = APIRouter(prefix=PREFIX, tags=["participant (two-phase commit)"])

    @routes.get("", summary="What is prepared here and not finished", response_model=None)
    async def in_doubt() -> Response:
        found = await transactions.in_doubt()
        items = [{"transactionId": str(one.transaction_id), "ageSeconds": round(one.age, 3)} for one in found]
        return answer({"items": items})

    @routes.post(
        "/{transaction_id}/commit",
        summary="Commit it",
        description="Doing it again changes nothing.",
        response_model=None,
        responses=_problems(404, 422, 503),
    )
    async def commit(transaction_id: UUID) -> Response:
        await transactions.commit(transaction_id)
        return answer({"transactionId": str(transaction_id), "state": "committed"})

    @routes.post(
        "/{transaction_id}/rollback",
        summary="Roll it back",
        description="404 when there is no such transaction: by presumed abort it is rolled back then.",
        response_model=None,
        responses=_problems(404, 409, 422, 503),
    )
    async def rollback(transaction_id: UUID) -> Response:
        await transactions.rollback(transaction_id)
        return answer({"transactionId": str(transaction_id), "state": "rolled back"})

    return routes


def prepared(transaction_id: UUID) -> Response:
    """The vote: yes."""
    return answer({"transactionId": str(transaction_id), "state": "prepared"})


def answer(content: Any) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")


def vote(summary: str, model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """What the OpenAPI document says about a route of the first phase."""
    return {
        "summary": f"Vote on a transaction: {summary}",
        "description": "200 is the vote yes: it will be done when the transaction is committed, whatever happens until "
        "then, and what it needs stays locked. Every other answer is no, and leaves nothing behind.",
        "response_model": None,
        "openapi_extra": takes(model, example),
        "responses": _problems(400, 404, 409, 413, 415, 422, 503),
    }


_MEANING = {
    400: "The request cannot be read",
    404: "There is no such transaction, or no such product",
    409: "It cannot be had any more, or there was a vote already; `detail` is the reason",
    413: "The body is too large",
    415: "The body is not sent as JSON",
    422: "The values do not fit",
    503: "Not now: no place for another prepared transaction, a locked row, or no database",
}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return problems({status: _MEANING[status] for status in statuses})
