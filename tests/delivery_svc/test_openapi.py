"""The OpenAPI document says what is true: its examples fit, and schemathesis gets only answers that it promises."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from schemathesis import GenerationMode

from delivery_svc.domain import Delivery
from delivery_svc.schemas import EXAMPLE_DELIVERY, Deliver, DeliveryAnswer, delivery_json, dumps
from tests.delivery_svc.conftest import emptied
from tests.openapi import assert_answers_are_promised, assert_errors_have_examples, assert_examples_fit, document_of
from tests.service_process import service_process

NOWHERE = "http://127.0.0.1:1"
EXAMPLE_ORDER = ("orderId", "productId", "productName", "quantity", "customerId", "customerName", "address")

OPERATIONS = [
    ("/deliveries", "GET"),
    ("/deliveries/{delivery_id}", "GET"),
    ("/deliveries/{delivery_id}/complete", "POST"),
    ("/participant/deliveries", "POST"),
    ("/participant/deliveries/{order_id}/cancel", "POST"),
]


@pytest.fixture(scope="module")
def document(delivery_url: str) -> Iterator[Any]:
    """What a running process says about itself; its products service cannot be reached."""
    serving = service_process("delivery_svc", delivery_url, WIRING="chain", PRODUCTS_URL=NOWHERE)
    with document_of(serving, data=emptied(delivery_url)) as found:
        yield found


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_one_that_the_document_promises(
    document: Any, path: str, method: str, mode: GenerationMode
) -> None:
    """Whether a valid request is granted depends on products, which is not there: 503 is what the document promises."""
    assert_answers_are_promised(document, (path, method), mode, peers_are_away=True)


def test_every_error_is_documented_with_an_example(document: Any) -> None:
    assert_errors_have_examples(document, OPERATIONS)


def test_the_examples_fit_their_schemas(document: Any) -> None:
    assert_examples_fit(document, more_than=10)


def test_the_written_json_is_the_documented_answer() -> None:
    order = Deliver.model_validate({name: EXAMPLE_DELIVERY[name] for name in EXAMPLE_ORDER})
    delivery = Delivery(order.order_id, UUID(EXAMPLE_DELIVERY["deliveryId"]))
    at = datetime.fromisoformat(EXAMPLE_DELIVERY["startedAt"])
    delivery.order_placed(order.details(), at=at)
    delivery.stock_reserved(at=at)
    written = dumps(delivery_json(delivery))
    assert orjson.loads(written) == EXAMPLE_DELIVERY
    DeliveryAnswer.model_validate_json(written, strict=True)
