"""Every consumer past the history, so that nothing reacts to it.

The services' reactions are moved to the ends of their topics: what the history says has happened is in the services'
tables already. Their inboxes need not know the history's events: nobody is handed a record below his position.

Read models are not skipped but built, as ``shop replay`` builds them, which leaves their positions at the ends, too.
"""

from collections.abc import Callable, Mapping

from events.log_bounds import log_bounds, put_group
from events.positions import Positions
from kit.database import Database
from lab.replay.reactions import REACTIONS
from lab.replay.rebuild import rebuild
from lab.running.errors import ShopError
from lab.running.layout import Layout
from orders_svc.read_models import MODELS, live_figures
from orders_svc.read_models.readiness import mark_ready


class NotBuilt(ShopError):
    """A read model that was there before is not what its topics say."""


async def move_past(layout: Layout, databases: Mapping[str, Database]) -> dict[str, int]:
    """Moves each service's reactions, and the live figures (which are about now), to the ends of their topics as they
    are at this moment: positions in the database, and their groups' offsets at Kafka; of each the number of records
    that it will not be handed.

    Only for a shop whose events all are the history's, and which is stopped. Raises KafkaError.
    """
    moved = {}
    kafka = layout.broker()
    consumers = [(name, name, reactions.topics) for name, reactions in REACTIONS.items()]
    consumers.append(("orders", live_figures.NAME, live_figures.LiveFigures.topics))
    for service, name, topics in consumers:
        ends = {place: bound.end for place, bound in (await log_bounds(kafka, topics)).items()}
        positions = Positions(name)
        async with databases[service].transaction() as connection:
            stood = await positions.read(connection, [kafka.topic(topic) for topic in topics])
            for place, end in sorted(ends.items()):
                await positions.set(connection, place, end)
        await put_group(kafka, kafka.group(name), ends)
        moved[name] = sum(end - stood.get(place, 0) for place, end in ends.items())
    return moved


async def build_read_models(
    layout: Layout, database: Database, progress: Callable[[str, int, int], None]
) -> dict[str, int]:
    """Rebuilds every read model of orders from its topics, and marks it complete; of each the number of events read.

    Their groups at Kafka follow: Faust begins there, and would read all of it once more only to skip it.
    Raises NotBuilt.
    """
    built = {}
    kafka = layout.broker()
    for name, model in MODELS.items():

        def told(passed: int, total: int, name: str = name) -> None:
            progress(f"{name}, events", passed, total)

        done = await rebuild(model, kafka, layout.service_url("orders"), patience=0, progress=told)
        if not done.swapped:
            raise NotBuilt(f"{name} is not what its topics say; `shop up`, then `shop replay {name}` says how")
        async with database.transaction() as connection:
            stands = await Positions(name).read(connection, [kafka.topic(topic) for topic in model.topics])
            await mark_ready(connection, name)
        await put_group(kafka, kafka.group(name), stands)
        built[name] = done.counts.read
    return built
