"""What delivery's document says about its part in 2pc and 3pc: schemathesis gets only answers that it promises."""

from collections.abc import Iterator
from typing import Any

import pytest
from schemathesis import GenerationMode

from tests.delivery_svc.conftest import emptied
from tests.openapi import assert_answers_are_promised, document_of, nothing_stays_prepared
from tests.service_process import service_process

TWO_PHASE = [
    ("/participant/prepared/deliveries", "POST"),
    ("/participant/prepared/cancellations", "POST"),
    ("/participant/prepared/{transaction_id}/commit", "POST"),
    ("/participant/prepared/{transaction_id}/rollback", "POST"),
    ("/participant/prepared", "GET"),
]
THREE_PHASE = [
    ("/participant/three-phase/deliveries", "POST"),
    ("/participant/three-phase/{order_id}/pre-commit", "POST"),
    ("/participant/three-phase/{order_id}/commit", "POST"),
    ("/participant/three-phase/{order_id}/abort", "POST"),
    ("/participant/three-phase/{order_id}/ask", "POST"),
    ("/participant/three-phase/{order_id}", "GET"),
]


@pytest.fixture(scope="module", params=["2pc", "3pc"])
def document(delivery_url: str, request: pytest.FixtureRequest) -> Iterator[tuple[str, Any]]:
    """The wiring, and what a running process says about itself."""
    wiring: str = request.param
    serving = service_process("delivery_svc", delivery_url, WIRING=wiring, LOCK_TIMEOUT_SECONDS=0.1)
    with document_of(serving, data=nothing_stays_prepared(emptied(delivery_url))) as found:
        yield wiring, found


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_every_answer_is_one_that_the_document_promises(document: tuple[str, Any], mode: GenerationMode) -> None:
    """Whether a valid request is granted depends on what was voted on, which no document knows."""
    wiring, described = document
    for path, method in TWO_PHASE if wiring == "2pc" else THREE_PHASE:
        if mode is GenerationMode.POSITIVE or "{" in path or method == "POST":
            assert_answers_are_promised(described, (path, method), mode, examples=10)
