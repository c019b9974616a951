"""2PC and 3PC under load, with kill -9 of each service and of PostgreSQL: no order is left in half."""

import pytest

from kit.settings import Wiring
from tests.end_to_end.opening import opened
from tests.end_to_end.shop import findings

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.mark.parametrize("wiring", ["2pc", "3pc"])
async def test_whatever_is_killed_under_load_every_order_ends_the_same_in_all_three_databases(wiring: Wiring) -> None:
    patience = {"SHOP_IN_DOUBT_SECONDS": "2", "SHOP_PHASE_TIMEOUT_SECONDS": "4"}
    async with opened(wiring, 1, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9", **patience) as shop:
        for victim in ("orders", "products", "delivery", "postgres"):
            async with shop.load(rate=30, seconds=5, begun=20) as end:
                pid = shop.pid(victim)
                await shop.on.supervisor.kill(victim)
                await shop.restarted(victim, pid)
                sent = await end()

            result = await shop.audit()

            assert findings(result) == [], victim
            assert await shop.placed_but_missing(sent) == set(), victim
        status, order = await shop.place(2)
        assert (status, order["status"]) == (201, "confirmed")
