"""The coordinator over HTTP: what a participant asks whose time is out."""

from uuid import UUID

from fastapi import APIRouter

from kit.documentation import problems
from kit.problems import Problem
from orders_svc.three_phase.coordination_log import CoordinationLog


def router(coordination: CoordinationLog) -> APIRouter:
    routes = APIRouter(prefix="/coordinator/three-phase", tags=["coordinator (three-phase commit)"])

    @routes.get(
        "/{order_id}",
        summary="How far a transaction is",
        responses=problems(
            {
                404: "It is not under way; everybody knows how it ended",
                422: "The order's id is no UUID",
                503: "The log cannot be reached right now",
            }
        ),
    )
    async def state(order_id: UUID) -> dict[str, str]:
        found = await coordination.state(order_id)
        if found is None:
            detail = f"no transaction about order {order_id} is under way"
            raise Problem(404, "unknown-transaction", "Unknown transaction", detail, orderId=str(order_id))
        return {"orderId": str(order_id), "state": found}

    return routes
