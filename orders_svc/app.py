"""Orders as a process: the API, and beside it relay, reactions and upkeep (in wiring ``events``)."""

from collections.abc import Callable, Mapping

from fastapi import FastAPI

from calls.client import Peer
from events.kafka import Kafka
from events.outbox import Outbox
from events.pruning import Pruner
from events.reactions import ReactionLoop
from events.relay import Relay
from kit.app import Service, create_app
from kit.database import Database
from kit.settings import Wiring
from orders_svc import api, reactions
from orders_svc.key_pruning import KeyPruning
from orders_svc.placing import Placing, three_phase, two_phase
from orders_svc.placing.chain import ChainPlacing
from orders_svc.placing.events import EventsPlacing
from orders_svc.placing.links import Links
from orders_svc.settings import OrdersSettings
from orders_svc.timeouts import TimeOuts
from orders_svc.waiting import Waiting

DESCRIPTION = """Takes orders, and knows how each of them ended.

Money is in cents. Every error is a problem (RFC 9457, `application/problem+json`) that says what was wrong."""


def build(settings: OrdersSettings) -> tuple[FastAPI, Service]:
    """The application and its parts. Nothing is connected before the application's lifespan begins."""
    database = Database(settings.database_url, max_size=settings.database_pool, application="orders")
    waiting = Waiting(database)
    service = Service(name="orders", title="Orders", database=database, routers=[], draining=[waiting.drain])
    placing: Placing = _WIRINGS[settings.wiring](settings, service, waiting)
    service.routers.append(api.router(database, placing, waiting))
    service.checks["placing"] = placing.ready
    service.tasks |= {
        "waiting": waiting.run,
        "time-outs": TimeOuts(placing, settings.pending_timeout_seconds).run,
        "key pruning": KeyPruning(database).run,
    }
    return create_app(service, description=DESCRIPTION), service


def _events(settings: OrdersSettings, service: Service, waiting: Waiting) -> Placing:
    kafka = Kafka(settings.kafka_bootstrap_servers, settings.topic_prefix)
    relay = Relay(service="orders", kafka=kafka, database_url=settings.database_url)
    outbox = Outbox(service.database, relay.wake)
    loop = ReactionLoop(
        consumer="orders",
        kafka=kafka,
        database=service.database,
        outbox=outbox,
        topics=reactions.TOPICS,
        reactions=reactions.handlers(waiting.tell),
    )
    service.tasks |= {"relay": relay.run, "reactions": loop.run, "pruning": Pruner(service.database).run}
    return EventsPlacing(service.database, outbox)


def _chain(settings: OrdersSettings, service: Service, waiting: Waiting) -> Placing:
    products = Peer(settings.products_url, settings.call_deadline_seconds)
    delivery = Peer(settings.delivery_url, settings.call_deadline_seconds)
    service.closing += [products.close, delivery.close]
    return ChainPlacing(
        service.database,
        Links(products, delivery),
        changed=waiting.tell,
        hold_transaction=settings.hold_transaction,
    )


_WIRINGS: Mapping[Wiring, Callable[[OrdersSettings, Service, Waiting], Placing]] = {
    "events": _events,
    "chain": _chain,
    "2pc": two_phase.build,
    "3pc": three_phase.build,
}
