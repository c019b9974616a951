"""Every consumer past the history, so that nothing reacts to it, and every read model built from it.

Reactions are moved to the ends of their topics: what the history says has happened is in the services' tables already.
Their inboxes need not know the history's events: no consumer will be handed a record below its position. The read
models are not skipped but built, each by the replay that any new read model begins with, which leaves their positions
at the ends, too.
"""

from collections.abc import Callable, Mapping, Sequence

from delivery_svc import reactions as delivery
from events.kafka import Kafka
from events.log_bounds import log_bounds, put_group
from events.positions import Partition, Positions
from kit.database import Database
from lab.replay.rebuild import rebuild
from lab.running.errors import ShopError
from lab.running.layout import Layout
from orders_svc import reactions as orders
from orders_svc.read_models import MODELS
from orders_svc.read_models.readiness import mark_ready
from products_svc import reactions as products

REACTIONS: Mapping[str, Sequence[str]] = {
    "orders": orders.TOPICS,
    "products": products.TOPICS,
    "delivery": delivery.TOPICS,
}
"""The topics of each service's reactions; the consumer is called as the service is."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


async def move_past(layout: Layout, databases: Mapping[str, Database]) -> dict[str, int]:
    """Moves each reaction to the ends of its topics as they are now, its position in the database and its group's
    offsets at Kafka; of each the number of records that it will not be handed.

    Only for a shop whose events all are the history's, and which is stopped. Raises KafkaError.
    """
    moved = {}
    for consumer, topics in REACTIONS.items():
        ends = await _ends(layout.broker(), topics)
        positions = Positions(consumer)
        async with databases[consumer].transaction() as connection:
            stood = await positions.read(connection, [layout.broker().topic(topic) for topic in topics])
            for place, end in sorted(ends.items()):
                await positions.set(connection, place, end)
        await put_group(layout.broker(), layout.broker().group(consumer), ends)
        moved[consumer] = sum(end - stood.get(place, 0) for place, end in ends.items())
    return moved


async def build_read_models(layout: Layout, database: Database, progress: Progress) -> dict[str, int]:
    """Builds all of orders' read models and marks them complete; of each the number of events read.

    Their groups at Kafka follow: Faust begins there, and would read all of it once more only to skip it. Raises
    ShopError when one that was there before differs from what its topics say; KafkaError.
    """
    read = {}
    for name, model in MODELS.items():

        def tell(passed: int, total: int, name: str = name) -> None:
            progress(f"{name}, events", passed, total)

        done = await rebuild(model, layout.broker(), layout.service_url("orders"), patience=0, progress=tell)
        if not done.swapped:
            raise ShopError(f"{name} was there already and differs from its topics: `shop up`, `shop replay {name}`")
        async with database.transaction() as connection:
            await mark_ready(connection, name)
        await put_group(layout.broker(), layout.broker().group(name), await _ends(layout.broker(), model.topics))
        read[name] = done.counts.read
    return read


async def _ends(kafka: Kafka, topics: Sequence[str]) -> dict[Partition, int]:
    return {place: bound.end for place, bound in (await log_bounds(kafka, topics)).items()}
