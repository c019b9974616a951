"""What products' document says about its part in 2pc and 3pc: schemathesis gets only answers that it promises."""

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.products_svc.conftest import seeded
from tests.service_process import service_process

TWO_PHASE = [
    ("/participant/prepared/reservations", "POST"),
    ("/participant/prepared/releases", "POST"),
    ("/participant/prepared/{transaction_id}/commit", "POST"),
    ("/participant/prepared/{transaction_id}/rollback", "POST"),
    ("/participant/prepared", "GET"),
]
THREE_PHASE = [
    ("/participant/three-phase/reservations", "POST"),
    ("/participant/three-phase/{order_id}/pre-commit", "POST"),
    ("/participant/three-phase/{order_id}/commit", "POST"),
    ("/participant/three-phase/{order_id}/abort", "POST"),
    ("/participant/three-phase/{order_id}/ask", "POST"),
    ("/participant/three-phase/{order_id}", "GET"),
]


@pytest.fixture(scope="module", params=["2pc", "3pc"])
def document(products_url: str, request: pytest.FixtureRequest) -> Iterator[tuple[str, Any]]:
    """The wiring, and what a running process says about itself."""
    wiring: str = request.param
    with asyncio.Runner() as runner:
        seeding = seeded(products_url)
        serving = service_process("products_svc", products_url, WIRING=wiring, LOCK_TIMEOUT_SECONDS=0.1)
        runner.run(seeding.__aenter__())
        process = runner.run(serving.__aenter__())
        yield wiring, schemathesis.openapi.from_url(f"{process.url}/openapi.json")
        runner.run(serving.__aexit__(None, None, None))
        runner.run(seeding.__aexit__(None, None, None))
        runner.run(_give_up_what_is_prepared(products_url))


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_every_answer_is_one_that_the_document_promises(document: tuple[str, Any], mode: GenerationMode) -> None:
    """Whether a valid request is granted depends on what was voted on, which no document knows."""
    wiring, described = document
    for path, method in TWO_PHASE if wiring == "2pc" else THREE_PHASE:

        @settings(max_examples=10, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=described[path][method].as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            case.call_and_validate(excluded_checks=[positive_data_acceptance, negative_data_rejection])

        if mode is GenerationMode.POSITIVE or "{" in path or method == "POST":
            send()


async def _give_up_what_is_prepared(url: str) -> None:
    connection = await asyncpg.connect(url)
    for row in await connection.fetch("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"):
        await connection.execute(f"ROLLBACK PREPARED '{row['gid']}'")
    await connection.close()
