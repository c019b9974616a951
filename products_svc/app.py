"""Products as a process: the API, and beside it relay and reactions (in wiring ``events``)."""

from collections.abc import Callable, Mapping

from fastapi import FastAPI

from calls.deadlines import NoteArrival, RefuseUnawaited
from calls.links import RETRYING
from events.kafka import Kafka
from events.outbox import Outbox
from events.pruning import Pruner
from events.reactions import ReactionLoop
from events.relay import Relay
from events.requeued import requeued_reactions
from kit.app import Service, create_app
from kit.database import Database
from kit.settings import Wiring
from products_svc import api, participant, prepared, three_phase, try_confirm
from products_svc.catalogue import Catalogue
from products_svc.failing import Failing, FailRequests
from products_svc.participant import Participant
from products_svc.reactions import REACTIONS, TOPICS
from products_svc.settings import ProductsSettings
from products_svc.slowness import Slowness, SlowRequests
from products_svc.store import Begin
from products_svc.try_confirm import TryParticipant

DESCRIPTION = """The catalogue, and the stock that orders take from it.

Money is in cents. Stock is changed by amounts only, and each change is an entry in the stock ledger.
Every error is a problem (RFC 9457, `application/problem+json`) that says what was wrong."""


def build(settings: ProductsSettings) -> tuple[FastAPI, Service]:
    """The application and its parts. Nothing is connected before the application's lifespan begins."""
    database = Database(settings.database_url, max_size=settings.database_pool, application="products")
    service = Service(name="products", title="Products", database=database, routers=[])
    slowness = Slowness(settings.inject_delay_ms, settings.inject_delay_jitter_ms)
    failing = Failing(settings.inject_error_rate)
    synchronous = _SYNCHRONOUS.get(settings.wiring)
    begin = synchronous(settings, service) if synchronous else _events(settings, service, slowness, failing)
    service.routers.append(api.router(database, Catalogue(begin)))
    app = create_app(service, description=DESCRIPTION)
    if settings.wiring in RETRYING:
        app.add_middleware(RefuseUnawaited)
    if failing:
        app.add_middleware(FailRequests, failing=failing)
    if slowness:
        app.add_middleware(SlowRequests, slowness=slowness)
    if settings.wiring in RETRYING:
        app.add_middleware(NoteArrival)
    return app, service


def _events(settings: ProductsSettings, service: Service, slowness: Slowness, failing: Failing) -> Begin:
    kafka = Kafka.of(settings)
    relay = Relay(service="products", kafka=kafka, database_url=settings.database_url)
    outbox = Outbox(service.database, relay.wake)
    reactions = dict(REACTIONS)
    if failing:
        reactions = {event: failing.failing(handler) for event, handler in reactions.items()}
    if slowness:
        reactions = {event: slowness.slowed(handler) for event, handler in reactions.items()}
    loop = ReactionLoop(
        consumer="products",
        kafka=kafka,
        database=service.database,
        outbox=outbox,
        topics=TOPICS,
        reactions=reactions,
    )
    service.tasks |= {
        "relay": relay.run,
        "reactions": loop.run,
        "requeued": requeued_reactions("products", outbox, reactions).run,
        "pruning": Pruner(service.database).run,
    }
    service.finishing["relay"] = relay.finish
    return outbox.transaction


def _chain(_settings: ProductsSettings, service: Service) -> Begin:
    service.routers.append(participant.router(Participant(service.database.transaction)))
    return service.database.transaction


def _tcc(settings: ProductsSettings, service: Service) -> Begin:
    tries = TryParticipant(service.database, sweep_seconds=settings.try_sweep_seconds)
    service.routers.append(try_confirm.router(tries))
    service.tasks["expiry of tries"] = tries.run
    return service.database.transaction


_SYNCHRONOUS: Mapping[Wiring, Callable[[ProductsSettings, Service], Begin]] = {
    "chain": _chain,
    "chain-retry": _chain,
    "chain-breaker": _chain,
    "chain-mesh": _chain,
    "tcc": _tcc,
    "2pc": prepared.build,
    "3pc": three_phase.build,
}
