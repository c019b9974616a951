"""Puts the wiring ``tcc`` together."""

from datetime import timedelta

from calls.client import Peer
from kit.app import Service
from orders_svc.placing.chain import ChainPlacing
from orders_svc.placing.links import Links
from orders_svc.placing.protocol import Placing
from orders_svc.placing.tcc.coordinator import Coordinator
from orders_svc.placing.tcc.participants import Participants, WholeOrder
from orders_svc.placing.tcc.placing import TccPlacing
from orders_svc.placing.tcc.recovery import Recovery
from orders_svc.settings import OrdersSettings
from orders_svc.waiting import Waiting

_MARGIN_SECONDS = 2.0


def build(settings: OrdersSettings, service: Service, waiting: Waiting) -> Placing:
    products = Peer(settings.products_url, settings.call_deadline_seconds)
    delivery = Peer(settings.delivery_url, settings.call_deadline_seconds)
    service.closing += [products.close, delivery.close]
    participants = Participants(products, delivery, try_seconds=settings.try_seconds)
    whole_order = WholeOrder(products, delivery)
    coordinator = Coordinator(
        service.database,
        participants,
        whole_order,
        changed=waiting.tell,
        patience=timedelta(seconds=settings.call_deadline_seconds + _MARGIN_SECONDS),
    )
    service.tasks["recovery"] = Recovery(coordinator).run
    return TccPlacing(
        service.database,
        Links(products, delivery),
        participants,
        coordinator,
        ChainPlacing(service.database, whole_order, changed=waiting.tell),
    )
