"""What must be true of one order across the three services: one small function a rule.

A rule gets everything there is about an order id and answers None, or what is wrong.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

UNDONE = ("rejected", "cancelled")
SETTLED = ("confirmed", *UNDONE)
LIVE_DELIVERY = ("started", "completed")
WAITING_DELIVERY = ("awaiting_stock", "awaiting_details", "tentative")
HOLDS_NOTHING = ("rejected", "released", "expired")
RESERVATION_STATES = ("reserved", *HOLDS_NOTHING)


@dataclass(frozen=True, slots=True)
class Parts:
    """The rows that carry one order id, of ``orders``, ``reservations`` and ``deliveries``; None: there is none."""

    order: Any
    reservation: Any
    delivery: Any

    @property
    def status(self) -> str | None:
        return None if self.order is None else self.order["status"]


Rule = Callable[[Parts], str | None]


def is_settled(parts: Parts) -> str | None:
    if parts.status is not None and parts.status not in SETTLED:
        return f"still {parts.status}, placed {parts.order['placed_at']:%Y-%m-%d %H:%M:%S}"
    return None


def confirmed_has_its_reservation(parts: Parts) -> str | None:
    if parts.status != "confirmed":
        return None
    if parts.reservation is None or parts.reservation["state"] != "reserved":
        return f"confirmed, but its reservation is {_state(parts.reservation)}"
    return _mismatch("reservation", parts.order, parts.reservation)


def confirmed_has_its_delivery(parts: Parts) -> str | None:
    if parts.status != "confirmed":
        return None
    if parts.delivery is None or parts.delivery["state"] not in LIVE_DELIVERY:
        return f"confirmed, but its delivery is {_state(parts.delivery)}"
    return _mismatch("delivery", parts.order, parts.delivery)


def undone_holds_no_stock(parts: Parts) -> str | None:
    held = parts.reservation
    if parts.status in UNDONE and held is not None and held["state"] not in HOLDS_NOTHING:
        return f"{parts.status}, but holds {held['quantity']} of product {held['product_id']}"
    return None


def undone_has_no_live_delivery(parts: Parts) -> str | None:
    if parts.status in UNDONE and parts.delivery is not None and parts.delivery["state"] in LIVE_DELIVERY:
        return f"{parts.status}, but its delivery is {parts.delivery['state']}"
    return None


def nothing_waits_for_a_settled_order(parts: Parts) -> str | None:
    if parts.status in SETTLED and parts.delivery is not None and parts.delivery["state"] in WAITING_DELIVERY:
        return f"{parts.status}, but its delivery is still {parts.delivery['state']}"
    return None


def belongs_to_an_order(parts: Parts) -> str | None:
    if parts.order is None:
        return f"no such order; reservation: {_state(parts.reservation)}, delivery: {_state(parts.delivery)}"
    return None


def no_reservation_is_left_half_done(parts: Parts) -> str | None:
    if parts.reservation is not None and parts.reservation["state"] not in RESERVATION_STATES:
        return f"its reservation is still {parts.reservation['state']}"
    return None


def amount_is_price_times_quantity(parts: Parts) -> str | None:
    """Equal, or less than one cent a piece over it: a line that was sold as "3 for 2.00" has an amount, which is what
    counts, and no price in whole cents; its unit price is rounded down then."""
    order = parts.order
    if order is not None and not 0 <= order["amount"] - order["unit_price"] * order["quantity"] < order["quantity"]:
        return f"amount {order['amount']} is not {order['quantity']} x {order['unit_price']}"
    return None


ORDER_RULES: dict[str, Rule] = {
    "accepted orders are settled": is_settled,
    "confirmed: exactly one reservation": confirmed_has_its_reservation,
    "confirmed: exactly one delivery": confirmed_has_its_delivery,
    "rejected, cancelled: no stock held": undone_holds_no_stock,
    "rejected, cancelled: no live delivery": undone_has_no_live_delivery,
    "no delivery waits for a settled order": nothing_waits_for_a_settled_order,
    "reservations and deliveries have an order": belongs_to_an_order,
    "no reservation left in try": no_reservation_is_left_half_done,
    "amount = price x quantity": amount_is_price_times_quantity,
}


def _state(row: Any) -> str:
    return "missing" if row is None else str(row["state"])


def _mismatch(what: str, order: Any, other: Any) -> str | None:
    for column in ("product_id", "quantity"):
        if order[column] != other[column]:
            return f"{what} has {column} {other[column]}, the order {order[column]}"
    return None
