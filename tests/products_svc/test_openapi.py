"""The OpenAPI document says what is true: its examples fit, and schemathesis gets only answers that it promises."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from products_svc.domain import Product
from products_svc.schemas import EXAMPLE_PRODUCT, ProductAnswer, dumps
from products_svc.seeding import DEFAULT
from tests.products_svc.conftest import seeded
from tests.service_process import service_process

OPERATIONS = [
    ("/products", "GET"),
    ("/products", "POST"),
    ("/products/{product_id}", "GET"),
    ("/products/{product_id}", "PATCH"),
    ("/products/{product_id}/stock/increase", "POST"),
    ("/products/{product_id}/stock/decrease", "POST"),
    ("/participant/reservations", "POST"),
    ("/participant/reservations/{order_id}/release", "POST"),
]


@pytest.fixture(scope="module")
def document(products_url: str) -> Iterator[Any]:
    """What a running process says about itself."""
    with asyncio.Runner() as runner:
        seeding, serving = seeded(products_url), service_process("products_svc", products_url, WIRING="chain")
        runner.run(seeding.__aenter__())
        process = runner.run(serving.__aenter__())
        yield schemathesis.openapi.from_url(f"{process.url}/openapi.json")
        runner.run(serving.__aexit__(None, None, None))
        runner.run(seeding.__aexit__(None, None, None))


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_one_that_the_document_promises(
    document: Any, path: str, method: str, mode: GenerationMode
) -> None:
    """Whether a valid request is granted depends on the catalogue, which no document knows."""

    @settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=document[path][method].as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        case.call_and_validate(excluded_checks=[positive_data_acceptance, negative_data_rejection])

    send()


def test_every_error_is_documented_with_an_example(document: Any) -> None:
    for path, method in OPERATIONS:
        operation = document.raw_schema["paths"][path][method.lower()]
        assert operation["summary"]
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                [(media_type, content)] = response["content"].items()
                assert media_type == "application/problem+json", (path, status)
                assert content["example"]["status"] == int(status)


def test_the_examples_fit_their_schemas(document: Any) -> None:
    components = {"components": document.raw_schema["components"]}
    checked = 0
    for content in _contents(document.raw_schema["paths"]):
        examples = [one["value"] for one in content.get("examples", {}).values()]
        for example in examples + ([content["example"]] if "example" in content else []):
            jsonschema_rs.validator_for(content["schema"] | components).validate(example)
            checked += 1
    assert checked > 20


def test_the_written_json_is_the_documented_answer() -> None:
    mask = DEFAULT[1]
    product = Product.new(mask.id, mask.name, mask.price, mask.stock, mask.image_url, at=datetime.now(UTC))
    written = ProductAnswer.model_validate_json(dumps(product), strict=True)
    assert written.model_dump(by_alias=True) == EXAMPLE_PRODUCT | {"stock": 2_000_000, "version": 1}


def _contents(node: Any) -> list[dict[str, Any]]:
    """Every description of a body in the document."""
    if isinstance(node, list):
        return [found for one in node for found in _contents(one)]
    if not isinstance(node, dict):
        return []
    own = [node] if "schema" in node and "in" not in node else []
    return own + [found for one in node.values() for found in _contents(one)]
