"""The services of each protocol, started once for all tests of a file; what a test kills it starts again."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.protocols.stand import Stand, standing


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two_phase(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    told = {"IN_DOUBT_SECONDS": "1", "LOCK_TIMEOUT_SECONDS": "0.4", "TRACE_FILE": _trace_file(tmp_path_factory)}
    async with standing(postgres_url, "2pc", **told) as stand:
        yield stand


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def three_phase(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    told = {"PHASE_TIMEOUT_SECONDS": "1", "TRACE_FILE": _trace_file(tmp_path_factory)}
    async with standing(postgres_url, "3pc", **told) as stand:
        yield stand


def _trace_file(folders: pytest.TempPathFactory) -> str:
    return str(folders.mktemp("spans") / "spans.jsonl")
