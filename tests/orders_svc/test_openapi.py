"""The OpenAPI document says what is true: schemathesis sends what it allows and what it forbids."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pydantic import TypeAdapter
from schemathesis import GenerationMode

from orders_svc.domain import Customer, Order, ShownProduct
from orders_svc.schemas import EXAMPLE_ORDER, OrderAnswer, dumps, order_json
from tests.openapi import assert_answers_are_promised, assert_errors_have_examples, document_of
from tests.orders_svc.conftest import emptied
from tests.service_process import service_process

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
    with document_of(service_process("orders_svc", orders_url), data=_figures(orders_url)) as found:
        yield found


@asynccontextmanager
async def _figures(orders_url: str) -> AsyncIterator[None]:
    async with emptied(orders_url) as sql:
        await sql.execute("INSERT INTO read_models VALUES ('live-figures', now())")
        await sql.execute("INSERT INTO live_standing VALUES (0, now())")
        yield


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_one_that_the_document_promises(
    document: Any, path: str, method: str, mode: GenerationMode
) -> None:
    """Whether a valid order is accepted depends on the catalogue, which no document knows."""
    assert_answers_are_promised(document, (path, method), mode, examples=25)


def test_every_error_is_documented_with_an_example(document: Any) -> None:
    assert_errors_have_examples(document, OPERATIONS)


def test_the_written_json_is_the_documented_answer() -> None:
    now = datetime.now(UTC)
    order = Order.place(UUID(int=1), ShownProduct(2, "MASK", 5, 1), 3, Customer("c", "Kim", "Seoul"), at=now)
    written = TypeAdapter(OrderAnswer).validate_json(dumps(order_json(order)))
    assert written.placed_at == now
    assert written.model_dump(by_alias=True).keys() == order_json(order).keys() == EXAMPLE_ORDER.keys()
