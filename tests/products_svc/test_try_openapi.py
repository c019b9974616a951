"""The OpenAPI document says what is true of the routes for Try-Confirm/Cancel, too."""

from collections.abc import Iterator
from typing import Any

import pytest
from schemathesis import GenerationMode

from tests.openapi import assert_answers_are_promised, assert_errors_have_examples, document_of
from tests.products_svc.conftest import seeded
from tests.service_process import service_process

OPERATIONS = (
    "/participant/tries",
    "/participant/tries/{order_id}/confirm",
    "/participant/tries/{order_id}/cancel",
    "/participant/reservations/{order_id}/release",
)


@pytest.fixture(scope="module")
def document(products_url: str) -> Iterator[Any]:
    """What a running process says about itself."""
    serving = service_process("products_svc", products_url, WIRING="tcc")
    with document_of(serving, data=seeded(products_url)) as found:
        yield found


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("path", OPERATIONS)
def test_every_answer_is_one_that_the_document_promises(document: Any, path: str, mode: GenerationMode) -> None:
    """Whether a valid request is granted depends on the catalogue, which no document knows."""
    assert_answers_are_promised(document, (path, "POST"), mode)


def test_every_error_is_documented_with_an_example(document: Any) -> None:
    assert_errors_have_examples(document, ((path, "POST") for path in OPERATIONS))
