"""The routes that show orders' read models."""

from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Path, Query, Response

from kit.text import Text
from orders_svc.read_models import order_history as history_model
from orders_svc.read_models import sales as sales_model
from orders_svc.read_models.live_figures import NAME as LIVE_FIGURES
from orders_svc.schemas import dumps
from orders_svc.views import documentation as doc
from orders_svc.views import live_figures, order_history, sales
from orders_svc.views.gate import Gate
from orders_svc.views.live_figures import LastMinutes
from orders_svc.views.order_history import HistoryPage
from orders_svc.views.sales import SalesPage


def router(gate: Gate) -> APIRouter:
    routes = APIRouter(tags=["read models"])

    @routes.get("/customers/{customer_id:path}/orders", **doc.ORDER_HISTORY)
    async def customers_orders(customer_id: Annotated[Text, Path()], page: Annotated[HistoryPage, Query()]) -> Response:
        async with gate.open(history_model.MODEL.name) as connection:
            found = await order_history.page(connection, customer_id, before=page.before, limit=page.limit + 1)
        following = None
        if len(found) > page.limit:
            found = found[: page.limit]
            query = urlencode({"limit": page.limit, "before": found[-1]["id"]})
            following = f"/customers/{quote(customer_id, safe='')}/orders?{query}"
        return _json({"items": found, "next": following})

    @routes.get("/sales", **doc.SALES)
    async def list_sales(page: Annotated[SalesPage, Query()]) -> Response:
        async with gate.open(sales_model.MODEL.name) as connection:
            rows = await sales.page(connection, page, page.limit + 1)
        following = None
        if len(rows) > page.limit:
            rows = rows[: page.limit]
            asked = page.model_dump(by_alias=True, exclude_unset=True) | {"limit": page.limit}
            asked["after"] = f"{rows[-1]['day']}.{rows[-1]['product_id']}"
            following = "/sales?" + urlencode(asked)
        return _json({"items": [sales.row_json(row) for row in rows], "next": following})

    @routes.get("/figures/live", **doc.LIVE_FIGURES)
    async def show_live_figures(asked: Annotated[LastMinutes, Query()]) -> Response:
        async with gate.open(LIVE_FIGURES) as connection:
            return _json(await live_figures.figures(connection, asked.minutes))

    return routes


def _json(content: Any) -> Response:
    return Response(dumps(content), media_type="application/json")
