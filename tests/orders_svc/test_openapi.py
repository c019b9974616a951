"""The OpenAPI document says what is true: schemathesis sends what it allows and what it forbids."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from pydantic import TypeAdapter
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from orders_svc.domain import Customer, Order, ShownProduct
from orders_svc.schemas import EXAMPLE_ORDER, OrderAnswer, dumps, order_json
from tests.orders_svc.conftest import emptied
from tests.orders_svc.process import orders_process

OPERATIONS = [
    ("/orders", "POST"),
    ("/orders", "GET"),
    ("/orders/{order_id}", "GET"),
    ("/orders/{order_id}/cancel", "POST"),
    ("/customers/{customer_id}/orders", "GET"),
    ("/sales", "GET"),
    ("/figures/live", "GET"),
]


@pytest.fixture(scope="module")
def document(orders_url: str) -> Iterator[Any]:
    """What a running process says about itself."""
    with asyncio.Runner() as runner:
        emptying, serving = emptied(orders_url), orders_process(orders_url)
        sql = runner.run(emptying.__aenter__())
        runner.run(sql.execute("INSERT INTO read_models VALUES ('live-figures', now())"))
        runner.run(sql.execute("INSERT INTO live_standing VALUES (0, now())"))
        process = runner.run(serving.__aenter__())
        yield schemathesis.openapi.from_url(f"{process.url}/openapi.json")
        runner.run(serving.__aexit__(None, None, None))
        runner.run(emptying.__aexit__(None, None, None))


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_one_that_the_document_promises(
    document: Any, path: str, method: str, mode: GenerationMode
) -> None:
    """Whether a valid order is accepted depends on the catalogue, which no document knows."""

    @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=document[path][method].as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        case.headers.pop("Prefer", None)  # nobody settles these orders
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


def test_the_written_json_is_the_documented_answer() -> None:
    now = datetime.now(UTC)
    order = Order.place(UUID(int=1), ShownProduct(2, "MASK", 5, 1), 3, Customer("c", "Kim", "Seoul"), at=now)
    written = TypeAdapter(OrderAnswer).validate_json(dumps(order_json(order)))
    assert written.placed_at == now
    assert written.model_dump(by_alias=True).keys() == order_json(order).keys() == EXAMPLE_ORDER.keys()
