"""Delivery as a process: the API, and beside it relay and reactions (in wiring ``events``)."""

from collections.abc import Callable, Mapping

from fastapi import FastAPI

from calls.deadlines import NoteArrival, RefuseUnawaited
from calls.links import RETRYING, link
from delivery_svc import api, participant, prepared, three_phase, try_confirm
from delivery_svc.participant import Participant
from delivery_svc.reactions import REACTIONS, TOPICS
from delivery_svc.settings import DeliverySettings
from delivery_svc.store import Begin
from delivery_svc.try_confirm import TryParticipant
from events.kafka import Kafka
from events.outbox import Outbox
from events.pruning import Pruner
from events.reactions import ReactionLoop
from events.relay import Relay
from events.requeued import requeued_reactions
from kit.app import Service, create_app
from kit.database import Database
from kit.settings import Wiring

DESCRIPTION = """Brings the goods of each order, and decides whether an order can still be undone.

Every error is a problem (RFC 9457, `application/problem+json`) that says what was wrong."""


def build(settings: DeliverySettings) -> tuple[FastAPI, Service]:
    """The application and its parts. Nothing is connected before the application's lifespan begins."""
    database = Database(settings.database_url, max_size=settings.database_pool, application="delivery")
    service = Service(name="delivery", title="Delivery", database=database, routers=[])
    begin = _WIRINGS[settings.wiring](settings, service)
    service.routers.append(api.router(database, begin))
    app = create_app(service, description=DESCRIPTION)
    if settings.wiring in RETRYING:
        app.add_middleware(RefuseUnawaited)
        app.add_middleware(NoteArrival)
    return app, service


def _events(settings: DeliverySettings, service: Service) -> Begin:
    kafka = Kafka.of(settings)
    relay = Relay(service="delivery", kafka=kafka, database_url=settings.database_url)
    outbox = Outbox(service.database, relay.wake)
    loop = ReactionLoop(
        consumer="delivery",
        kafka=kafka,
        database=service.database,
        outbox=outbox,
        topics=TOPICS,
        reactions=REACTIONS,
    )
    service.tasks |= {
        "relay": relay.run,
        "reactions": loop.run,
        "requeued": requeued_reactions("delivery", outbox, REACTIONS).run,
        "pruning": Pruner(service.database).run,
    }
    service.finishing["relay"] = relay.finish
    return outbox.transaction


def _chain(settings: DeliverySettings, service: Service) -> Begin:
    products = link("products", settings.products_url, settings)
    service.closing.append(products.close)
    service.routers.append(participant.router(Participant(service.database.transaction, products)))
    return service.database.transaction


def _tcc(settings: DeliverySettings, service: Service) -> Begin:
    tries = TryParticipant(service.database, sweep_seconds=settings.try_sweep_seconds)
    service.routers.append(try_confirm.router(tries))
    service.tasks["expiry of tries"] = tries.run
    return service.database.transaction


_WIRINGS: Mapping[Wiring, Callable[[DeliverySettings, Service], Begin]] = {
    "events": _events,
    "chain": _chain,
    "chain-retry": _chain,
    "chain-breaker": _chain,
    "chain-mesh": _chain,
    "tcc": _tcc,
    "2pc": prepared.build,
    "3pc": three_phase.build,
}
