"""A participant in three-phase commit over HTTP: everything after can-commit, which is each service's own."""

from typing import Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from kit.body import parse
from kit.documentation import problems, takes
from kit.text import Body
from kit.three_phase.participant import Participant
from kit.three_phase.states import State

PREFIX = "/participant/three-phase"


class Question(Body):
    """The state of the participant that asks."""

    state: Literal["ready", "pre_committed"]


def router(participant: Participant) -> APIRouter:
    routes = APIRouter(prefix=PREFIX, tags=["participant (three-phase commit)"])

    @routes.get("/{order_id}", summary="Its state", response_model=None, responses=_problems(404, 422))
    async def state(order_id: UUID) -> Response:
        return answer(order_id, await participant.state(order_id))

    @routes.post("/{order_id}/pre-commit", summary="Everybody can", response_model=None, responses=_ENDING)
    async def pre_commit(order_id: UUID) -> Response:
        return answer(order_id, await participant.pre_commit(order_id))

    @routes.post("/{order_id}/commit", summary="Do commit", response_model=None, responses=_ENDING)
    async def commit(order_id: UUID) -> Response:
        return answer(order_id, await participant.commit(order_id))

    @routes.post("/{order_id}/abort", summary="Abort", response_model=None, responses=_ENDING)
    async def abort(order_id: UUID) -> Response:
        return answer(order_id, await participant.abort(order_id))

    @routes.post(
        "/{order_id}/ask",
        summary="Another participant's time is out: what state is it in?",
        description="The answer binds the one who gives it. Two that are ready abort; one that was never asked to "
        "commit has aborted from now on.",
        response_model=None,
        openapi_extra=takes(Question, {"state": "ready"}),
        responses=_problems(400, 413, 415, 422, 503),
    )
    async def ask(order_id: UUID, request: Request) -> Response:
        asker = State(parse(Question, await request.body()).state)
        return answer(order_id, await participant.asked(order_id, asker))

    return routes


def can_commit(summary: str, model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """What the OpenAPI document says about a route of the first phase."""
    return {
        "summary": f"Vote on a transaction: {summary}",
        "description": "200 is the vote yes. Every other 4xx is no, and final.",
        "response_model": None,
        "openapi_extra": takes(model, example),
        "responses": _problems(400, 404, 409, 413, 415, 422, 503),
    }


def answer(order_id: UUID, state: State) -> Response:
    return Response(orjson.dumps({"orderId": str(order_id), "state": state}), media_type="application/json")


_MEANING = {
    400: "The request cannot be read",
    404: "There is no such transaction, or no such product",
    409: "That is not its next step, or it cannot be had; `detail` is the reason",
    413: "The body is too large",
    415: "The body is not sent as JSON",
    422: "The values do not fit",
    503: "Not now; nothing is wrong with the request",
}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return problems({status: _MEANING[status] for status in statuses})


_ENDING = _problems(404, 409, 422, 503)
