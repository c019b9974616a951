"""What a customer is told when an order cannot be placed or cancelled, the same in every wiring."""

from typing import Any
from uuid import UUID

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
