"""Orders as a process: the API, and beside it upkeep, and what its wiring needs: relay and reactions, or links."""

from collections.abc import Callable, Iterable, Mapping

from fastapi import FastAPI

from calls.deadlines import NoteArrival, RefuseUnawaited
from calls.links import RETRYING, link
from events.kafka import Kafka
from events.outbox import Outbox
from events.pruning import Pruner
from events.reactions import ReactionLoop
from events.relay import Relay
from events.requeued import requeued_reactions
from kit.app import Service, create_app
from kit.database import Database
from kit.settings import Wiring
from orders_svc import api, reactions, views
from orders_svc.domain import Order
from orders_svc.key_pruning import KeyPruning
from orders_svc.placing import Placing, three_phase, two_phase
from orders_svc.placing.chain import ChainPlacing
from orders_svc.placing.events import EventsPlacing
from orders_svc.placing.fallback import FallbackPlacing
from orders_svc.placing.links import Links
from orders_svc.placing.promises import Promises, count
from orders_svc.placing.tcc import assembly as tcc
from orders_svc.settings import OrdersSettings
from orders_svc.timeouts import TimeOuts
from orders_svc.views.gate import Gate
from orders_svc.waiting import Waiting

DESCRIPTION = """Takes orders, and knows how each of them ended.

Money is in cents. Every error is a problem (RFC 9457, `application/problem+json`) that says what was wrong."""


def build(settings: OrdersSettings) -> tuple[FastAPI, Service]:
    """The application and its parts. Nothing is connected before the application's lifespan begins."""
    database = Database(settings.database_url, max_size=settings.database_pool, application="orders")
    waiting = Waiting(database)
    service = Service(name="orders", title="Orders", database=database, routers=[], draining=[waiting.drain])
    placing = _WIRINGS[settings.wiring](settings, service, waiting)
    service.routers += [api.router(database, placing, waiting), views.router(Gate(database, settings.wiring))]
    service.checks["placing"] = placing.ready
    service.tasks |= {
        "waiting": waiting.run,
        "time-outs": TimeOuts(placing, settings.pending_timeout_seconds).run,
        "key pruning": KeyPruning(database).run,
    }
    app = create_app(service, description=DESCRIPTION)
    if settings.wiring in RETRYING:
        app.add_middleware(RefuseUnawaited)
        app.add_middleware(NoteArrival)
    return app, service


def _events(settings: OrdersSettings, service: Service, waiting: Waiting) -> Placing:
    kafka = Kafka.of(settings)
    relay = Relay(service="orders", kafka=kafka, database_url=settings.database_url)
    outbox = Outbox(service.database, relay.wake)
    handlers = reactions.handlers(waiting.tell)
    loop = ReactionLoop(
        consumer="orders",
        kafka=kafka,
        database=service.database,
        outbox=outbox,
        topics=reactions.TOPICS,
        reactions=handlers,
    )
    service.tasks |= {
        "relay": relay.run,
        "reactions": loop.run,
        "requeued": requeued_reactions("orders", outbox, handlers).run,
        "pruning": Pruner(service.database).run,
    }
    service.finishing["relay"] = relay.finish
    return EventsPlacing(service.database, outbox)


def _chain(settings: OrdersSettings, service: Service, waiting: Waiting) -> Placing:
    return ChainPlacing(
        service.database,
        _links(settings, service),
        changed=waiting.tell,
        patience=settings.call_deadline_seconds if settings.wiring in RETRYING else None,
        hold_transaction=settings.hold_transaction and settings.wiring == "chain",
    )


def _chain_breaker(settings: OrdersSettings, service: Service, waiting: Waiting) -> Placing:
    def changed(orders: Iterable[Order]) -> None:
        orders = list(orders)
        waiting.tell(orders)
        count(orders)

    patience = settings.call_deadline_seconds
    placing = FallbackPlacing(service.database, _links(settings, service), changed=changed, patience=patience)
    promises = Promises(service.database, placing, seconds=settings.promise_seconds, left_after=patience + 10)
    service.tasks["promises"] = promises.run
    return placing


def _links(settings: OrdersSettings, service: Service) -> Links:
    products = link("products", settings.products_url, settings)
    delivery = link("delivery", settings.delivery_url, settings)
    service.closing += [products.close, delivery.close]
    return Links(products, delivery)


_WIRINGS: Mapping[Wiring, Callable[[OrdersSettings, Service, Waiting], Placing]] = {
    "events": _events,
    "chain": _chain,
    "chain-retry": _chain,
    "chain-breaker": _chain_breaker,
    "chain-mesh": _chain,
    "tcc": tcc.build,
    "2pc": two_phase.build,
    "3pc": three_phase.build,
}
