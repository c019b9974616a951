"""The OpenAPI document says what is true: its examples fit, and schemathesis gets only answers that it promises."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from schemathesis import GenerationMode

from products_svc.domain import Product
from products_svc.schemas import EXAMPLE_PRODUCT, ProductAnswer, dumps
from products_svc.seeding import DEFAULT
from tests.openapi import assert_answers_are_promised, assert_errors_have_examples, assert_examples_fit, document_of
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
    serving = service_process("products_svc", products_url, WIRING="chain")
    with document_of(serving, data=seeded(products_url)) as found:
        yield found


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_one_that_the_document_promises(
    document: Any, path: str, method: str, mode: GenerationMode
) -> None:
    """Whether a valid request is granted depends on the catalogue, which no document knows."""
    assert_answers_are_promised(document, (path, method), mode)


def test_every_error_is_documented_with_an_example(document: Any) -> None:
    assert_errors_have_examples(document, OPERATIONS)


def test_the_examples_fit_their_schemas(document: Any) -> None:
    assert_examples_fit(document, more_than=20)


def test_the_written_json_is_the_documented_answer() -> None:
    mask = DEFAULT[1]
    product = Product.new(mask.id, mask.name, mask.price, mask.stock, mask.image_url, at=datetime.now(UTC))
    written = ProductAnswer.model_validate_json(dumps(product), strict=True)
    assert written.model_dump(by_alias=True) == EXAMPLE_PRODUCT | {"stock": 2_000_000, "version": 1}
