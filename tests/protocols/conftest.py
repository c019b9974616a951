"""The services of each protocol, started once for all tests of a file; what a test kills it starts again."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.protocols.stand import Stand, standing


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two_phase(postgres_url: str) -> AsyncIterator[Stand]:
    async with standing(postgres_url, "2pc", IN_DOUBT_SECONDS="1", LOCK_TIMEOUT_SECONDS="0.4") as stand:
        yield stand


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def three_phase(postgres_url: str) -> AsyncIterator[Stand]:
    async with standing(postgres_url, "3pc", PHASE_TIMEOUT_SECONDS="1") as stand:
        yield stand
