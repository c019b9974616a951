"""What an event says, in a few words for people."""

from collections.abc import Callable, Mapping
from typing import Any

from events.catalogue import (
    CancellationRefused,
    DeliveryCancelled,
    DeliveryCompleted,
    DeliveryStarted,
    Event,
    OrderCancellationRequested,
    OrderCancelled,
    OrderConfirmed,
    OrderPlaced,
    OrderRejected,
    ProductChanged,
    StockRejected,
    StockReleased,
    StockReserved,
)

SENTENCES: Mapping[type[Event], Callable[[Any], str]] = {
    OrderPlaced: lambda e: f"{e.quantity:,} x {e.product_name} for {money(e.amount)}, {e.customer_name}",
    OrderConfirmed: lambda e: f"confirmed, {money(e.amount)}",
    OrderRejected: lambda e: f"rejected: {e.reason}",
    OrderCancellationRequested: lambda e: f"to be cancelled: {e.reason}",
    OrderCancelled: lambda e: f"cancelled: {e.reason}",
    StockReserved: lambda e: f"{e.quantity:,} of product {e.product_id} taken",
    StockRejected: lambda e: f"{e.quantity:,} of product {e.product_id} not taken: {e.reason}",
    StockReleased: lambda e: f"{e.quantity:,} of product {e.product_id} put back",
    DeliveryStarted: lambda e: (
        f"{e.quantity:,} x {e.product_name} to {', '.join(filter(None, (e.customer_name, e.address)))}"
    ),
    DeliveryCompleted: lambda e: "handed over",
    DeliveryCancelled: lambda e: "will not be delivered",
    CancellationRefused: lambda e: f"cannot be undone: {e.reason}",
    ProductChanged: lambda e: f"{e.name}: {money(e.price)}, {e.stock:,} in stock{', withdrawn' if e.withdrawn else ''}",
}


def sentence(event: Event) -> str:
    """One line; an event that nobody has words for yet tells its fields."""
    words = SENTENCES.get(type(event))
    told = words(event) if words else ", ".join(f"{name}={value}" for name, value in event.model_dump().items())
    return printable(told)


def printable(text: str) -> str:
    """One line without control characters: what others wrote must not steer the reader's terminal."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in " ".join(text.split()))


def money(cents: int) -> str:
    return f"{cents / 100:,.2f}"
