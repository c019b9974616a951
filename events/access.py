"""Who may do what on Kafka: one table, from which the broker's access control lists are made (``events.acls``).

A service publishes on its own topics and on nobody else's; it reads what it reacts to, each consumer under its own
group; its relay claims one transactional id. It may read its own topics too, for ``python -m SERVICE recover``. Read
models are orders' own, so their workers are the user ``orders``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple


@dataclass(frozen=True)
class Access:
    """What a service needs, by logical names: the prefix stands before each of them on the broker."""

    user: str
    publishes: Sequence[str]
    consumers: Mapping[str, Sequence[str]]
    """Consumer -> the topics that it reads."""
    transactional_ids: Sequence[str]
    keeps: Sequence[str] = field(default=())
    """Topics that it writes for nobody but itself, and reads again."""


ACCESS = (
    Access(
        "orders",
        publishes=("orders",),
        consumers={
            "orders": ("stock", "deliveries"),
            "product-copy": ("products",),
            "order-history": ("orders", "stock", "deliveries"),
            "sales": ("orders",),
            "live-figures": ("orders",),
        },
        transactional_ids=("relay.orders",),
        keeps=("live-figures-minutes-changelog",),
    ),
    Access(
        "products",
        publishes=("stock", "products"),
        consumers={"products": ("orders",)},
        transactional_ids=("relay.products",),
    ),
    Access(
        "delivery",
        publishes=("deliveries",),
        consumers={"delivery": ("orders", "stock")},
        transactional_ids=("relay.delivery",),
    ),
)


class Resource(IntEnum):
    """Kafka's codes."""

    TOPIC = 2
    GROUP = 3
    CLUSTER = 4
    TRANSACTIONAL_ID = 5


class Operation(IntEnum):
    """Kafka's codes. Each of READ and WRITE includes DESCRIBE."""

    ALL = 2
    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    ALTER = 7
    DESCRIBE = 8


class Grant(NamedTuple):
    """One permission: from any host, on exactly that name."""

    principal: str
    operation: Operation
    resource: Resource
    name: str

    def __str__(self) -> str:
        return f"{self.principal} may {self.operation.name} {self.resource.name.lower()} {self.name}"


def grants(prefix: str, table: Sequence[Access] = ACCESS) -> list[Grant]:
    """All that the table says, for the shop with this topic prefix; each once, in a settled order."""
    found: dict[Grant, None] = {}
    for access in table:
        user = f"User:{access.user}"
        read = [topic for topics in access.consumers.values() for topic in topics]
        told = [
            *((Operation.WRITE, Resource.TOPIC, topic) for topic in (*access.publishes, *access.keeps)),
            *((Operation.READ, Resource.TOPIC, topic) for topic in (*read, *access.publishes, *access.keeps)),
            *((Operation.READ, Resource.GROUP, consumer) for consumer in access.consumers),
            *((Operation.WRITE, Resource.TRANSACTIONAL_ID, name) for name in access.transactional_ids),
        ]
        found |= {Grant(user, operation, resource, f"{prefix}.{name}"): None for operation, resource, name in told}
    return list(found)
