"""The OpenAPI document says what is true: its examples fit, and schemathesis gets only answers that it promises."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import jsonschema_rs
import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from delivery_svc.domain import Delivery
from delivery_svc.schemas import EXAMPLE_DELIVERY, Deliver, DeliveryAnswer, delivery_json, dumps
from tests.delivery_svc.conftest import emptied
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
    with asyncio.Runner() as runner:
        emptying, serving = (
            emptied(delivery_url),
            service_process("delivery_svc", delivery_url, WIRING="chain", PRODUCTS_URL=NOWHERE),
        )
        runner.run(emptying.__aenter__())
        process = runner.run(serving.__aenter__())
        yield schemathesis.openapi.from_url(f"{process.url}/openapi.json")
        runner.run(serving.__aexit__(None, None, None))
        runner.run(emptying.__aexit__(None, None, None))


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_one_that_the_document_promises(
    document: Any, path: str, method: str, mode: GenerationMode
) -> None:
    """Whether a valid request is granted depends on products, which is not there: 503 is what the document promises."""

    @settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=document[path][method].as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        excluded = [positive_data_acceptance, negative_data_rejection, not_a_server_error]
        assert case.call_and_validate(excluded_checks=excluded).status_code != 500

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
    assert checked > 10


def test_the_written_json_is_the_documented_answer() -> None:
    order = Deliver.model_validate({name: EXAMPLE_DELIVERY[name] for name in EXAMPLE_ORDER})
    delivery = Delivery(order.order_id, UUID(EXAMPLE_DELIVERY["deliveryId"]))
    at = datetime.fromisoformat(EXAMPLE_DELIVERY["startedAt"])
    delivery.order_placed(order.details(), at=at)
    delivery.stock_reserved(at=at)
    written = dumps(delivery_json(delivery))
    assert orjson.loads(written) == EXAMPLE_DELIVERY
    DeliveryAnswer.model_validate_json(written, strict=True)


def _contents(node: Any) -> list[dict[str, Any]]:
    """Every description of a body in the document."""
    if isinstance(node, list):
        return [found for one in node for found in _contents(one)]
    if not isinstance(node, dict):
        return []
    own = [node] if "schema" in node and "in" not in node else []
    return own + [found for one in node.values() for found in _contents(one)]
