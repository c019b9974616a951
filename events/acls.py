"""Makes the broker's access control lists what ``events.access`` says. Run by ``python -m events.topics``."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, SecurityDisabled, for_code
from aiokafka.protocol.admin import CreateAclsRequest, DescribeAclsRequest

from events.access import Grant, Operation, Resource, grants
from events.kafka import Kafka, apart, no_broker_yet

_ANY, _LITERAL, _ALLOW, _EVERYWHERE = 1, 3, 3, "*"  # Kafka's codes


class Entry(NamedTuple):
    """One entry of the broker's lists, with its codes."""

    resource: int
    name: str
    pattern: int
    principal: str
    host: str
    operation: int
    permission: int

    def __str__(self) -> str:
        named = {3: "", 4: " (and all that begin so)"}.get(self.pattern, f" (pattern type {self.pattern})")
        may = "may" if self.permission == _ALLOW else "may not"
        what = f"{_name(Operation, self.operation)} {_name(Resource, self.resource).lower()} {self.name}{named}"
        return f"{self.principal} {may} {what}" + ("" if self.host == _EVERYWHERE else f" from {self.host}")


class NoAuthorizer(KafkaError):  # type: ignore[misc]
    """The broker keeps no access control lists."""


async def declare(kafka: Kafka, *, say: Callable[[str], None] = print) -> None:
    """Adds what is missing, and returns when the broker has it. Entries on our names that the table does not know are
    told as a warning and stay: somebody may need them. Never takes anything away.

    Needs a user who may ALTER the cluster. Raises KafkaError, NoAuthorizer.
    """
    wanted = {_entry(grant): grant for grant in grants(kafka.prefix)}
    async with _client(kafka) as client:
        present = await entries(client, kafka.prefix)
        missing = [entry for entry in wanted if entry not in present]
        for entry in missing:
            await _create(client, entry)
            say(f"{entry}: granted")
        for entry in sorted(present - wanted.keys()):
            say(f"WARNING: {entry}, which is not in events/access.py; it stays")
        if len(missing) < len(wanted):
            say(f"{len(wanted) - len(missing)} permissions: as they should be")
        async with asyncio.timeout(30):
            while True:
                if wanted.keys() <= await entries(client, kafka.prefix):
                    return
                await asyncio.sleep(0.05)


async def entries(client: Any, prefix: str) -> set[Entry]:
    """What the broker's lists say about names below the prefix."""
    answer = await _ask(client, DescribeAclsRequest(_ANY, None, _ANY, None, None, _ANY, _ANY))
    _raise(answer.error_code, answer.error_message)
    return {
        Entry(resource, name, pattern, *acl)
        for resource, name, pattern, acls in answer.resources
        for acl in acls
        if name.startswith(f"{prefix}.")
    }


async def _create(client: Any, entry: Entry) -> None:
    answer = await _ask(client, CreateAclsRequest(*entry))
    for code, message in answer.creation_responses:
        _raise(code, message, str(entry))


async def _ask(client: Any, request: Any) -> Any:
    with no_broker_yet():
        return await client.send(client.get_random_node(), request)


def _raise(code: int, message: str | None, what: str = "access control lists") -> None:
    error = for_code(code)
    if error is SecurityDisabled:
        raise NoAuthorizer(
            "the broker keeps no access control lists: unset SHOP_TOPIC_ACLS, or give the brokers "
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer"
        )
    if code:
        raise error(f"{what}: {message}")


def _entry(grant: Grant) -> Entry:
    return Entry(grant.resource, grant.name, _LITERAL, grant.principal, _EVERYWHERE, grant.operation, _ALLOW)


def _name(codes: type[Operation] | type[Resource], code: int) -> str:
    return codes(code).name if code in set(codes) else f"code {code}"


@asynccontextmanager
async def _client(kafka: Kafka) -> AsyncIterator[Any]:
    client = AIOKafkaClient(**kafka.client_options())
    try:
        await client.bootstrap()
        yield client
    finally:
        await apart(client.close())
