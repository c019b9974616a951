"""The OpenAPI document says what is true of the routes for Try-Confirm/Cancel, too."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.delivery_svc.conftest import emptied
from tests.service_process import service_process

OPERATIONS = (
    "/participant/tries",
    "/participant/tries/{order_id}/confirm",
    "/participant/tries/{order_id}/cancel",
    "/participant/deliveries/{order_id}/cancel",
)


@pytest.fixture(scope="module")
def document(delivery_url: str) -> Iterator[Any]:
    """What a running process says about itself."""
    with asyncio.Runner() as runner:
        emptying, serving = emptied(delivery_url), service_process("delivery_svc", delivery_url, WIRING="tcc")
        runner.run(emptying.__aenter__())
        process = runner.run(serving.__aenter__())
        yield schemathesis.openapi.from_url(f"{process.url}/openapi.json")
        runner.run(serving.__aexit__(None, None, None))
        runner.run(emptying.__aexit__(None, None, None))


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("path", OPERATIONS)
def test_every_answer_is_one_that_the_document_promises(document: Any, path: str, mode: GenerationMode) -> None:
    """Whether a valid request is granted depends on what was asked before, which no document knows."""

    @settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=document[path]["POST"].as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        case.call_and_validate(excluded_checks=[positive_data_acceptance, negative_data_rejection])

    send()


def test_every_error_is_documented_with_an_example(document: Any) -> None:
    for path in OPERATIONS:
        operation = document.raw_schema["paths"][path]["post"]
        assert operation["summary"]
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                [(media_type, content)] = response["content"].items()
                assert media_type == "application/problem+json", (path, status)
                assert content["example"]["status"] == int(status)
