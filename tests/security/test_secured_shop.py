"""The whole shop, each service as its own user, nothing unencrypted, nothing allowed that is not in the table."""

from dataclasses import replace

import aiohttp
import pytest

from lab.running.prepare import prepare
from lab.running.shop import PRODUCT_COPY, ground, start_services
from lab.supervision import Home
from orders_svc.read_models import live_figures
from tests.end_to_end.shop import RunningShop, findings
from tests.security.secure_kafka import SecureBroker
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(300)


async def test_an_order_is_settled_and_everything_adds_up(
    broker: SecureBroker, servers_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the live figures, whose worker is the only one that writes through Faust."""
    told = {**broker.environment("admin"), "SHOP_POSTGRES_URL": servers_url, "SHOP_TOPIC_ACLS": "on"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    lines: list[str] = []

    def heard(name: str, line: str) -> None:
        lines.append(f"{name} | {line}")
        print(lines[-1])  # pytest shows it when the test fails

    home = Home(broker.home.root.with_name("secured-shop"))
    async with ground(home, print, heard, heard) as on, aiohttp.ClientSession() as http:
        models = (PRODUCT_COPY, live_figures.NAME)
        layout = on.layout("events", "events", "shop", usual_ports=False, read_models=models)
        users = {service: broker.environment(service) for service in ("orders", "products", "delivery")}
        layout = replace(layout, told=users)
        await prepare(layout, print)
        await start_services(on.supervisor, layout, print)
        shop = RunningShop(on, layout, http)
        status, order = await shop.place(2, 1, wait=30)
        assert (status, order["status"]) == (201, "confirmed")
        await eventually(lambda: shop.rows("orders", "SELECT 1 FROM live_minutes"), within=60)
        assert findings(await shop.audit()) == []
    assert [line for line in lines if "Authorization" in line or "s3cret" in line] == []
