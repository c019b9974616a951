"""A whole shop, two processes of each service, for all tests of this folder that do not need one of their own."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.end_to_end.opening import opened
from tests.end_to_end.shop import RunningShop


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def shop() -> AsyncIterator[RunningShop]:
    """Wiring events, two replicas of each service."""
    async with opened("events", 2, SHOP_PENDING_TIMEOUT_SECONDS="120") as shop:
        yield shop
