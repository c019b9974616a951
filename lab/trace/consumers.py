"""Every consumer past the history, so that nothing reacts to it.

Reactions and read models other than the product copy are moved to the ends of their topics: what the history says has
happened is in the services' tables already, and read models are built by a replay. Their inboxes need not know the
history's events: no consumer will be handed a record below its position. The product copy is not skipped but fed,
because orders takes no order before it is complete.
"""

from collections.abc import Callable, Mapping, Sequence

from delivery_svc import reactions as delivery
from events.log_bounds import log_bounds, put_group
from events.positions import Positions
from events.projection import Projector, ReadModel
from kit.database import Database
from lab.replay.topic import TopicReader
from lab.running.layout import Layout
from orders_svc import reactions as orders
from orders_svc.read_models.product_copy import ProductCopy, mark_ready
from products_svc import reactions as products

REACTIONS: Mapping[str, Sequence[str]] = {
    "orders": orders.TOPICS,
    "products": products.TOPICS,
    "delivery": delivery.TOPICS,
}
"""The topics of each service's reactions; the consumer is called as the service is."""

READ_MODELS: Sequence[ReadModel] = ()
"""orders' read models that are built by ``shop replay NAME`` afterwards."""

_AT_ONCE = 5000


async def move_past(layout: Layout, databases: Mapping[str, Database]) -> dict[str, int]:
    """Moves each consumer to the ends of its topics as they are now, its position in the database and its group's
    offsets at Kafka; of each the number of records that it will not be handed.

    Only for a shop whose events all are the history's, and which is stopped. Raises KafkaError.
    """
    moved = {}
    consumers = [(service, service, topics) for service, topics in REACTIONS.items()]
    consumers += [("orders", model.name, model.topics) for model in READ_MODELS]
    for service, name, topics in consumers:
        ends = {place: bound.end for place, bound in (await log_bounds(layout.broker(), topics)).items()}
        positions = Positions(name)
        async with databases[service].transaction() as connection:
            stood = await positions.read(connection, [layout.broker().topic(topic) for topic in topics])
            for place, end in sorted(ends.items()):
                await positions.set(connection, place, end)
        await put_group(layout.broker(), layout.broker().group(name), ends)
        moved[name] = sum(end - stood.get(place, 0) for place, end in ends.items())
    return moved


async def feed_product_copy(layout: Layout, database: Database, progress: Callable[[int, int], None]) -> int:
    """Brings the product copy to the end of its topic, position and rows in one transaction as its worker does, and
    marks it complete; how many records it read. ``progress`` hears records read and to read.

    Its group at Kafka follows: Faust begins there, and would read all of it once more only to skip it.
    """
    model, read = ProductCopy(), 0
    projector = Projector(model, database)
    async with TopicReader(layout.broker(), "products") as topic:
        begun, ends = await topic.beginnings(), await topic.ends()
        async with database.connection() as connection:
            stands = await Positions(model.name).read(connection, [layout.broker().topic("products")])
        start = {place: max(stands.get(place, 0), beginning) for place, beginning in begun.items()}
        due, batch = sum(max(ends[place] - start[place], 0) for place in ends), []
        async for record in topic.read(start, ends):
            batch.append(record)
            if len(batch) == _AT_ONCE:
                await projector.project(batch)
                read, batch = read + len(batch), []
                progress(read, due)
        if batch:
            await projector.project(batch)
    await put_group(layout.broker(), layout.broker().group(model.name), ends)
    async with database.transaction() as connection:
        await mark_ready(connection)
    return read + len(batch)
