"""orders over HTTP: parse, call, answer."""

import re
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from orjson import Fragment

from calls.deadlines import waits_until
from kit.body import parse
from kit.database import Database
from kit.lean import LeanRoute
from kit.problems import Problem
from orders_svc import documentation as doc
from orders_svc import store
from orders_svc.domain import Customer, Order, Status
from orders_svc.placing import OrderRequest, Placing, refusals
from orders_svc.prefer import wait_seconds
from orders_svc.schemas import CancelOrder, OrdersPage, PlaceOrder, dumps, order_json
from orders_svc.tracing import traceparent
from orders_svc.waiting import Waiting

_PLACING = ("prefer", "idempotency-key", "traceparent")
_KEY = re.compile(r"[\x20-\x7e]{1,200}")


def router(database: Database, placing: Placing, waiting: Waiting) -> APIRouter:
    """The routes. Answers are written as bytes directly: what is in them was validated on its way in."""
    routes = APIRouter(tags=["orders"])

    async def place_order(request: Request) -> Response:
        headers = _headers(request, _PLACING)
        body = parse(PlaceOrder, await request.body())
        wait = wait_seconds(headers["prefer"])
        order = await placing.place(
            OrderRequest(
                product_id=body.product_id,
                quantity=body.quantity,
                customer=Customer(body.customer_id, body.customer_name, body.address),
                idempotency_key=_idempotency_key(headers["idempotency-key"]),
                traceparent=traceparent(headers["traceparent"]),
                deadline=waits_until(request),
            )
        )
        applied = {}
        if wait is not None:
            order = await waiting.settled(order, wait)
            applied = {"Preference-Applied": f"wait={wait}"}
        return _placed(order, tell_outcome=bool(wait) or placing.answers_settled, headers=applied)

    routes.add_api_route("/orders", place_order, methods=["POST"], route_class_override=LeanRoute, **doc.PLACE_ORDER)

    @routes.get("/orders/{order_id}", **doc.GET_ORDER)
    async def get_order(order_id: UUID) -> Response:
        async with database.connection() as connection:
            order = (await store.load(connection, [order_id])).get(order_id)
        if order is None:
            raise refusals.unknown_order(order_id)
        return _json(200, order_json(order))

    @routes.get("/orders", **doc.LIST_ORDERS)
    async def list_orders(page: Annotated[OrdersPage, Query()]) -> Response:
        async with database.connection() as connection:
            orders = await store.page(connection, customer_id=page.customer_id, after=page.after, limit=page.limit + 1)
        following = None
        if len(orders) > page.limit:
            orders = orders[: page.limit]
            query = {"customerId": page.customer_id, "limit": page.limit, "after": orders[-1].id}
            following = "/orders?" + urlencode({name: value for name, value in query.items() if value is not None})
        return _json(200, {"items": [order_json(order) for order in orders], "next": following})

    @routes.post("/orders/{order_id}/cancel", **doc.CANCEL_ORDER)
    async def cancel_order(order_id: UUID, request: Request) -> Response:
        raw = await request.body()
        body = parse(CancelOrder, raw) if raw else CancelOrder()
        trace = traceparent(request.headers.getlist("traceparent"))
        order = await placing.cancel(order_id, body.reason, traceparent=trace)
        status = 200 if order.status is Status.CANCELLED else 202
        return _json(status, order_json(order), {"Location": f"/orders/{order.id}"})

    return routes


def _placed(order: Order, *, tell_outcome: bool, headers: dict[str, str]) -> Response:
    """202 while nothing is decided, or when the client did not ask for the outcome; else 201, or 409 as a problem."""
    headers["Location"] = f"/orders/{order.id}"
    if not tell_outcome or not order.settled:
        return _json(202, order_json(order), headers)
    if order.status is Status.CONFIRMED:
        return _json(201, order_json(order), headers)
    content = Fragment(dumps(order_json(order)))
    kind, reason = f"order-{order.status}", order.reason or "no reason was given"
    problem = Problem(409, kind, f"The order was {order.status}", reason, headers=headers, order=content)
    return problem.response()


def _headers(request: Request, names: Sequence[str]) -> dict[str, list[str]]:
    """Every value of the named headers, in one pass (Starlette's own look-up takes a pass a name)."""
    found: dict[str, list[str]] = {name: [] for name in names}
    for raw_name, value in request.scope["headers"]:
        name = raw_name.decode("latin-1")
        if name in found:
            found[name].append(value.decode("latin-1"))
    return found


def _idempotency_key(keys: Sequence[str]) -> str | None:
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        detail = "send one Idempotency-Key of 1 to 200 printable ASCII characters"
        raise Problem(400, "idempotency-key", "The Idempotency-Key is not valid", detail)
    return keys[0]


def _json(status: int, content: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(dumps(content), status, headers, media_type="application/json")
