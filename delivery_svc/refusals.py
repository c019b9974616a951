"""What callers are told when delivery cannot do what they ask."""

from typing import Any
from uuid import UUID

from calls.client import PeerError, PeerFailed, PeerRefused, PeerTimeout, PeerUnavailable
from delivery_svc import tries
from delivery_svc.domain import DELIVERED_ALREADY, NotUnderWay
from kit.problems import Problem


def unknown_delivery(delivery_id: UUID) -> Problem:
    return Problem(404, "unknown-delivery", "Unknown delivery", f"there is no delivery {delivery_id}")


def not_under_way(delivery_id: UUID, error: NotUnderWay) -> Problem:
    return Problem(409, "not-under-way", "The delivery cannot be completed", str(error), deliveryId=str(delivery_id))


def delivered(order_id: UUID) -> Problem:
    return Problem(409, "delivered", "The order was delivered", DELIVERED_ALREADY, orderId=str(order_id))


def cancelled(order_id: UUID) -> Problem:
    detail = "the order was cancelled, it is not delivered any more"
    return Problem(409, "order-cancelled", "The order was cancelled", detail, orderId=str(order_id))


def not_tried(refused: tries.TryRefused) -> Problem:
    """Why a try, its confirmation or its cancellation is refused."""
    order_id = refused.order_id
    named: dict[str, Any] = {"orderId": str(order_id)}
    match refused:
        case tries.UnknownTry():
            return Problem(404, "unknown-try", "Unknown try", f"nothing was tried for order {order_id}", **named)
        case tries.OtherContent():
            detail = f"order {order_id} has tried to be delivered otherwise before"
            return Problem(409, "other-content", "The order has tried something else", detail, **named)
        case tries.TryExpired():
            detail = f"the try expired before it was confirmed; order {order_id} is not delivered"
            return Problem(410, "try-expired", "The try has expired", detail, **named)
        case tries.TryConfirmed():
            detail = f"the delivery of order {order_id} has started; cancelling the order calls it back"
            return Problem(409, "try-confirmed", "The try was confirmed", detail, **named)
    return cancelled(order_id)


def started_before(order_id: UUID) -> Problem:
    detail = "the order's delivery was started before, by another transaction"
    return Problem(409, "decided-before", "The order has its delivery", detail, orderId=str(order_id))


def by_products(error: PeerError) -> Problem:
    """What products' answer, or silence, means for our own caller: a refusal is passed on as it is, with its reason; a
    link that failed is a 502 (an answer that is none), 503 (no connection) or 504 (no answer in time)."""
    if isinstance(error, PeerRefused):
        title = str(error.problem.get("title") or "products refused")
        return Problem(error.status, error.kind or "refused", title, error.detail)
    if isinstance(error, PeerTimeout) or (isinstance(error, PeerFailed) and error.status == 504):
        return Problem(504, "link-failed", "products did not answer in time", str(error))
    if isinstance(error, PeerUnavailable) or (isinstance(error, PeerFailed) and error.status == 503):
        return Problem(503, "link-failed", "products cannot be reached", str(error), headers={"Retry-After": "1"})
    return Problem(502, "link-failed", "products answered with an error", str(error))
