"""Settings of the services, and which of them the environment changes: both are told beside the figures."""

from collections.abc import Mapping
from typing import Any

from delivery_svc.settings import DeliverySettings
from events.topics import TopicSettings
from kit.kafka_settings import KafkaSettings
from kit.settings import masked
from lab.mesh.settings import MeshSettings
from orders_svc.settings import OrdersSettings
from products_svc.settings import ProductsSettings

_SETTINGS = (OrdersSettings, ProductsSettings, DeliverySettings, TopicSettings, MeshSettings)
_WORKER = ("metrics_port", "faust_data_dir")  # named, because importing its settings imports Faust
OURS = (
    *KafkaSettings.model_fields,
    "database_url",
    "wiring",
    "host",
    "port",
    "trace_file",
    "products_url",
    "delivery_url",
)
"""Addresses and the like, which the lab itself tells each process: what the environment says of them has no effect."""


_KAFKA = ("KAFKA_SECURITY_PROTOCOL", "KAFKA_SASL_MECHANISM")
"""Of Kafka's those that cost something; the others are addresses, users and passwords."""


def overrides(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that a service or the worker reads and would otherwise have a default for, by name. No
    addresses of databases, and no passwords."""
    fields = {name for settings in _SETTINGS for name in settings.model_fields if name not in OURS}
    fields.update(_WORKER)
    names = sorted({*(f"SHOP_{name.upper()}" for name in fields), *_KAFKA})
    return {name: masked(environment[name]) for name in names if environment.get(name)}


def in_force(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The settings that services would start with, by service, without addresses. ``environment`` is ``os.environ``
    when they are started; no default is passed over."""
    found = {}
    for service, settings in (
        ("orders", OrdersSettings),
        ("products", ProductsSettings),
        ("delivery", DeliverySettings),
    ):
        values = {name: environment.get(f"SHOP_{name.upper()}") for name in settings.model_fields if name not in OURS}
        given: dict[str, Any] = {name: value for name, value in values.items() if value}
        told = settings(**{"database_url": "postgresql://nobody@127.0.0.1/none", **given}).model_dump(mode="json")
        found[service] = {name: value for name, value in told.items() if name not in OURS}
    return found
