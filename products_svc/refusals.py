"""What callers are told when products cannot do what they ask."""

from typing import Any
from uuid import UUID

from kit.problems import Problem
from products_svc import tries
from products_svc.domain import HIGHEST_ID, Refusal, Reservation, State, StockError

_KINDS: dict[str | None, str] = {
    Refusal.OUT_OF_STOCK: "out-of-stock",
    Refusal.WITHDRAWN: "withdrawn-product",
    Refusal.UNKNOWN: "unknown-product",
}


def unknown_product(product_id: int) -> Problem:
    return Problem(404, "unknown-product", "Unknown product", f"there is no product {product_id}", productId=product_id)


def id_taken(product_id: int) -> Problem:
    detail = f"there is a product {product_id} with other content; change it with PATCH /products/{product_id}"
    return Problem(409, "id-taken", "The id is taken", detail, productId=product_id)


def no_id_left() -> Problem:
    detail = f"a product has the highest id there is, {HIGHEST_ID}: there is no next one; give an id that is free"
    return Problem(409, "no-id-left", "No id is left", detail)


def stock(error: StockError, product_id: int, in_stock: int) -> Problem:
    return Problem(409, "stock", "Not that much stock", str(error), productId=product_id, stock=in_stock)


def not_reserved(reservation: Reservation) -> Problem:
    """Why an order gets no stock in a synchronous wiring; ``detail`` is the reason that the customer is shown."""
    order_id: UUID = reservation.order_id
    if reservation.state is State.RELEASED:
        detail = "the order was cancelled, nothing is reserved for it any more"
        return Problem(409, "order-cancelled", "The order was cancelled", detail, orderId=str(order_id))
    kind, reason = _KINDS[reservation.reason], str(reservation.reason)
    return Problem(409, kind, "No stock for the order", reason, orderId=str(order_id), productId=reservation.product_id)


def not_tried(refused: tries.TryRefused) -> Problem:
    """Why a try, its confirmation or its cancellation is refused."""
    order_id = refused.reservation.order_id
    named: dict[str, Any] = {"orderId": str(order_id)}
    match refused:
        case tries.UnknownProduct(reservation=Reservation(product_id=int(product_id))):
            return unknown_product(product_id)
        case tries.UnknownTry():
            return Problem(404, "unknown-try", "Unknown try", f"nothing was tried for order {order_id}", **named)
        case tries.OtherContent():
            detail = f"order {order_id} has tried another product or quantity before"
            return Problem(409, "other-content", "The order has tried something else", detail, **named)
        case tries.TryExpired():
            detail = f"{tries.EXPIRED}; nothing is held for order {order_id} any more"
            return Problem(410, "try-expired", "The try has expired", detail, **named)
        case tries.TryConfirmed():
            detail = f"order {order_id} has its stock for good; cancelling the order releases it"
            return Problem(409, "try-confirmed", "The try was confirmed", detail, **named)
    return not_reserved(refused.reservation)


def key_of_another_request(key: str) -> Problem:
    return Problem(
        422,
        "idempotency-key-reused",
        "The Idempotency-Key was used for another request",
        f"the key {key!r} belongs to a request with other content; use a new key for a new request",
    )
