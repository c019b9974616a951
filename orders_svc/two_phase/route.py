"""The coordinator over HTTP: what a participant in doubt asks."""

from uuid import UUID

from fastapi import APIRouter

from kit.documentation import problems
from orders_svc.two_phase.decision_log import DecisionLog


def router(decisions: DecisionLog) -> APIRouter:
    routes = APIRouter(prefix="/coordinator/transactions", tags=["coordinator (two-phase commit)"])

    @routes.post(
        "/{transaction_id}/decision",
        summary="Ask how a transaction ends",
        description="A transaction that was not decided yet, or that nobody has heard of, is aborted, and the question "
        "makes it so: the answer stays true.",
        responses=problems({422: "The transaction's id is no UUID", 503: "The log cannot be reached right now"}),
    )
    async def decision(transaction_id: UUID) -> dict[str, str]:
        return {
            "transactionId": str(transaction_id),
            "decision": "commit" if await decisions.asked(transaction_id) else "abort",
        }

    return routes
