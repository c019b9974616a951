"""What running services say about themselves, held against what they answer."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

import jsonschema_rs
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.service_process import Running

Operation = tuple[str, str]
"""Path and method, as in ``("/orders", "POST")``."""
_WHAT_NO_DOCUMENT_KNOWS = (positive_data_acceptance, negative_data_rejection)


@contextmanager
def document_of(
    serving: AbstractAsyncContextManager[Running], *, data: AbstractAsyncContextManager[Any]
) -> Iterator[Any]:
    """The document of a service's process, which runs meanwhile; ``data`` is entered before it, and left after it."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        runner.run(stack.enter_async_context(data))
        process = runner.run(stack.enter_async_context(serving))
        yield schemathesis.openapi.from_url(f"{process.url}/openapi.json")
        runner.run(stack.aclose())


@asynccontextmanager
async def nothing_stays_prepared(data: AbstractAsyncContextManager[Any]) -> AsyncIterator[None]:
    """``data``, a connection, after which what was voted on and never decided is rolled back."""
    async with data as sql:
        yield
        for row in await sql.fetch("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"):
            await sql.execute(f"ROLLBACK PREPARED '{row['gid']}'")


def assert_answers_are_promised(
    document: Any, operation: Operation, mode: GenerationMode, *, examples: int = 12, peers_are_away: bool = False
) -> None:
    """Sends what the document allows (``POSITIVE``) or forbids, and wants only answers that it promises. Whether a
    valid request is granted depends on data, which no document knows. ``peers_are_away``: 503 may be promised, too."""
    path, method = operation
    excluded = [*_WHAT_NO_DOCUMENT_KNOWS, *([not_a_server_error] if peers_are_away else [])]

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=document[path][method].as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        case.headers.pop("Prefer", None)  # nobody would do what it waits for
        assert case.call_and_validate(excluded_checks=excluded).status_code != 500

    send()


def assert_errors_have_examples(document: Any, operations: Iterable[Operation]) -> None:
    for path, method in operations:
        operation = document.raw_schema["paths"][path][method.lower()]
        assert operation["summary"]
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                [(media_type, content)] = response["content"].items()
                assert media_type == "application/problem+json", (path, status)
                assert content["example"]["status"] == int(status)


def assert_examples_fit(document: Any, *, more_than: int) -> None:
    """Every example is what its schema says, and there are more than so many."""
    components = {"components": document.raw_schema["components"]}
    checked = 0
    for content in _contents(document.raw_schema["paths"]):
        examples = [one["value"] for one in content.get("examples", {}).values()]
        for example in examples + ([content["example"]] if "example" in content else []):
            jsonschema_rs.validator_for(content["schema"] | components).validate(example)
            checked += 1
    assert checked > more_than


def _contents(node: Any) -> list[dict[str, Any]]:
    """Every description of a body in the document."""
    if isinstance(node, list):
        return [found for one in node for found in _contents(one)]
    if not isinstance(node, dict):
        return []
    own = [node] if "schema" in node and "in" not in node else []
    return own + [found for one in node.values() for found in _contents(one)]
