"""The processes of a shop and what each is told."""

import os
import sys
from pathlib import Path

import lab
from lab.mesh.sidecars import addresses, sidecar_specs
from lab.running.layout import SERVICES, Layout
from lab.supervision import ProcessSpec

_CHECKOUT = Path(lab.__file__).resolve().parent.parent


def environment(layout: Layout, service: str) -> dict[str, str]:
    """What a process of that service is told; see ``kit.settings``."""
    held = {"SHOP_HOLD_TRANSACTION": "true"} if layout.hold_transaction else {}
    return {
        "SHOP_DATABASE_URL": layout.service_url(service),
        "KAFKA_BOOTSTRAP_SERVERS": layout.kafka,
        "SHOP_TOPIC_PREFIX": layout.topic_prefix,
        "SHOP_WIRING": layout.wiring,
        "SHOP_HOST": "127.0.0.1",
        "SHOP_PORT": str(layout.ports[service]),
        "SHOP_ORDERS_URL": layout.http("orders"),
        "SHOP_PRODUCTS_URL": layout.http("products"),
        "SHOP_DELIVERY_URL": layout.http("delivery"),
        **held,
        **layout.told.get(service, {}),
    }


def package(service: str) -> str:
    """The Python package of a service."""
    return {"orders": "orders_svc", "products": "products_svc", "delivery": "delivery_svc"}[service]


def service_spec(layout: Layout, service: str, replica: int = 0) -> ProcessSpec:
    """A service; further replicas (1, 2, ...) listen on the ports ``<service>-1``, ..."""
    name = service if replica == 0 else f"{service}-{replica}"
    told = addresses(layout, name) if name in layout.sidecars else {"SHOP_PORT": str(layout.ports[name])}
    return ProcessSpec(
        name=name,
        argv=[sys.executable, "-m", package(service)],
        env={**environment(layout, service), **told},
        cwd=_CHECKOUT,
        ready=f"{layout.itself(name)}/health/ready",
        ready_deadline=60.0,
        stop_grace=15.0,
        port=int(told["SHOP_PORT"]),
    )


def worker_spec(layout: Layout, model: str) -> ProcessSpec:
    """The Faust worker that keeps one of orders' read models. Its metrics, if they are asked for, are on a port of its
    own: the first worker's is the one that was named, the others' are those after it."""
    asked = os.environ.get("SHOP_METRICS_PORT") or "0"
    metrics = str(int(asked) + list(layout.read_models).index(model)) if asked.isdecimal() and int(asked) else asked
    return ProcessSpec(
        name=model,
        argv=[sys.executable, "-m", "orders_svc.read_models", model],
        env={**environment(layout, "orders"), "SHOP_METRICS_PORT": metrics},
        cwd=_CHECKOUT,
        stop_grace=15.0,
    )


def shop_specs(layout: Layout) -> list[ProcessSpec]:
    """All processes of the wiring: only events has read models, only the mesh has sidecars. They come first, so that
    they are stopped last."""
    specs = sidecar_specs(layout)
    specs += [service_spec(layout, service, replica) for replica in range(layout.replicas) for service in SERVICES]
    return [*specs, *(worker_spec(layout, model) for model in layout.read_models)]
