"""Settings of the services that the environment changes: they change the figures, so they are told beside them."""

from collections.abc import Mapping

from delivery_svc.settings import DeliverySettings
from events.topics import TopicSettings
from kit.settings import masked
from lab.mesh.settings import MeshSettings
from orders_svc.settings import OrdersSettings
from products_svc.settings import ProductsSettings

_SETTINGS = (OrdersSettings, ProductsSettings, DeliverySettings, TopicSettings, MeshSettings)
_WORKER = ("metrics_port", "faust_data_dir")  # named, because importing its settings imports Faust
_OURS = (
    "database_url",
    "kafka_bootstrap_servers",
    "topic_prefix",
    "wiring",
    "host",
    "port",
    "products_url",
    "delivery_url",
)
"""Addresses and the like, which the lab itself tells each process: what the environment says of them has no effect."""


def overrides(environment: Mapping[str, str]) -> dict[str, str]:
    """``SHOP_*`` variables that a service or the worker reads and would otherwise have a default for, by name. No
    addresses of databases, and no passwords."""
    fields = {name for settings in _SETTINGS for name in settings.model_fields if name not in _OURS}
    fields.update(_WORKER)
    names = sorted(f"SHOP_{name.upper()}" for name in fields)
    return {name: masked(environment[name]) for name in names if environment.get(name)}
