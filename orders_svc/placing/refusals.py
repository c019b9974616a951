"""What a customer is told when an order cannot be placed or cancelled, the same in every wiring."""

from math import ceil
from typing import Any
from uuid import UUID

from calls.client import PeerCutOff, PeerError, PeerFailed, PeerRefused, PeerTimeout, PeerUnavailable
from kit.problems import Problem


def unknown_product(product_id: int) -> Problem:
    detail = f"there is no product {product_id}"
    return Problem(422, "unknown-product", "Unknown product", detail, productId=product_id)


def withdrawn_product(product_id: int, name: str) -> Problem:
    detail = f"product {product_id} ({name}) is not sold any more"
    return Problem(422, "unknown-product", "Withdrawn product", detail, productId=product_id)


def key_of_another_order(key: str, order_id: UUID) -> Problem:
    return Problem(
        422,
        "idempotency-key-reused",
        "The Idempotency-Key was used for another order",
        f"the key {key!r} belongs to an order with other content; use a new key for a new order",
        orderId=str(order_id),
    )


def unknown_order(order_id: UUID) -> Problem:
    return Problem(404, "unknown-order", "Unknown order", f"there is no order {order_id}")


def cannot_cancel(order_id: UUID, reason: str, **extra: Any) -> Problem:
    detail = f"order {order_id} cannot be cancelled: {reason}"
    return Problem(409, "cannot-cancel", "The order cannot be cancelled", detail, orderId=str(order_id), **extra)


def cancellation_unanswered(order_id: UUID, failure: PeerError) -> Problem:
    """503: the order stays ``cancelling``; asking again does no harm, and is done anyway."""
    return Problem(
        503,
        "cancellation-unanswered",
        "Delivery has not answered",
        f"the order stays cancelling and delivery is asked again; you may repeat the request ({failure})",
        headers={"Retry-After": "1", "Location": f"/orders/{order_id}"},
        orderId=str(order_id),
        orderStatus="cancelling",
    )


def is_refusal(failure: PeerError) -> bool:
    """Whether the other service understood and said no, which is an outcome and not a failure of the link."""
    return isinstance(failure, PeerRefused)


def reason_of(failure: PeerError) -> str:
    """What the order says it was rejected for."""
    return failure.detail if isinstance(failure, PeerRefused) else f"a link of the chain failed: {failure}"


def link_failure(failure: PeerError, *, order_id: UUID | None = None) -> Problem:
    """502, 503 or 504 for a call that brought no answer; a failure further down the chain keeps its status."""
    status, title = 502, "A service answered with an error"
    headers = {}
    if isinstance(failure, PeerTimeout) or (isinstance(failure, PeerFailed) and failure.status == 504):
        status, title = 504, "A service did not answer in time"
    elif isinstance(failure, PeerUnavailable) or (isinstance(failure, PeerFailed) and failure.status == 503):
        status, title = 503, "A service cannot be reached"
        headers["Retry-After"] = str(_seconds(failure.retry_after) if isinstance(failure, PeerCutOff) else 1)
    extra: dict[str, Any] = {}
    if order_id is not None:
        headers["Location"] = f"/orders/{order_id}"
        extra["orderId"] = str(order_id)
    return Problem(status, "link-failed", title, str(failure), headers=headers, **extra)


def _seconds(retry_after: float | None) -> int:
    return max(ceil(retry_after or 0), 1)
