"""What the OpenAPI document says about the read models' routes."""

from typing import Any

from orders_svc.documentation import INVALID, UNAVAILABLE, problem
from orders_svc.views.live_figures import FiguresAnswer
from orders_svc.views.order_history import CustomerAnswer
from orders_svc.views.sales import SalesAnswer

_NEEDS_EVENTS = problem(
    501,
    "A wiring that publishes no events",
    "needs-events",
    "Not in this wiring",
    "sales is built from events, and the wiring chain publishes none: look at a shop wired by events",
    wiring="chain",
)

ORDER_HISTORY: dict[str, Any] = {
    "summary": "A customer's orders with every step, newest first",
    "description": (
        "Built from the events of all three services, so it may lag a moment behind `GET /orders`. Whoever never "
        "ordered has an empty page."
    ),
    "response_model": None,
    "responses": {
        200: {"model": CustomerAnswer, "description": "One page"},
        404: problem(404, "A line break in the id, which no path can have", "http", "Not found", "Not Found"),
        422: INVALID,
        501: _NEEDS_EVENTS,
        503: UNAVAILABLE,
    },
}

SALES: dict[str, Any] = {
    "summary": "Units and revenue by day and product",
    "description": (
        "Confirmed orders, on the day (UTC) on which they were placed. An order that is cancelled later does not count "
        "any more."
    ),
    "response_model": None,
    "responses": {
        200: {"model": SalesAnswer, "description": "One page"},
        422: INVALID,
        501: _NEEDS_EVENTS,
        503: UNAVAILABLE,
    },
}

LIVE_FIGURES: dict[str, Any] = {
    "summary": "Orders a minute, rejected percent and top products of the last minutes",
    "description": (
        "By the time at which the broker was given the events. A gauge, about a second behind: an event that was "
        "published twice counts twice."
    ),
    "response_model": None,
    "responses": {
        200: {"model": FiguresAnswer, "description": "The figures"},
        422: INVALID,
        501: _NEEDS_EVENTS,
        503: UNAVAILABLE,
    },
}
