"""A whole shop under one supervisor: backends, preparation, services."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from kit.settings import Wiring
from lab.backends import Backends, backends_from_environment
from lab.mesh.sidecars import sidecar_ports
from lab.running.layout import Layout, remember
from lab.running.ports import choose_ports
from lab.running.prepare import prepare
from lab.running.specs import shop_specs
from lab.supervision import Home, ProcessSpec, Supervisor
from orders_svc.read_models import NAMES
from orders_svc.read_models.product_copy import MODEL

PRODUCT_COPY = MODEL.name
Say = Callable[[str], None]
Sink = Callable[[str, str], None]


@dataclass(frozen=True)
class Ground:
    """What shops stand on: running backends, and the supervisor that will run the services too."""

    home: Home
    backends: Backends
    supervisor: Supervisor

    def layout(
        self,
        name: str,
        wiring: Wiring,
        prefix: str,
        *,
        replicas: int = 1,
        usual_ports: bool = True,
        hold_transaction: bool = False,
        read_models: Sequence[str] = (PRODUCT_COPY,),
    ) -> Layout:
        """The layout of a shop on these backends, which by events follows ``read_models`` (without the product copy no
        order is taken). On servers of others everything of it carries the home's mark, so
        that two homes never meet there, and ``wipe`` knows what is ours."""
        addresses = self.backends.addresses
        ports = choose_ports(replicas, usual=usual_ports)
        own_kafka, own_postgres = self.backends.kafka is not None, self.backends.postgres is not None
        return Layout(
            name=name,
            wiring=wiring,
            topic_prefix=prefix if own_kafka else f"{prefix}-{self.home.mark()}",
            kafka=addresses.kafka,
            admin=addresses.postgres,
            secret=(urlsplit(addresses.postgres).password if own_postgres else None) or self.home.secret("roles"),
            ports=ports,
            replicas=replicas,
            mark="" if own_postgres else self.home.mark(),
            hold_transaction=hold_transaction and wiring == "chain",
            read_models=read_models if wiring == "events" else (),
            sidecars=sidecar_ports(ports) if wiring == "chain-mesh" else {},
        )


@asynccontextmanager
async def ground(home: Home, say: Say, sink: Sink, notes: Sink) -> AsyncIterator[Ground]:
    """Starts what is embedded of Kafka and PostgreSQL, both at once; stops everything at the end, however it comes.

    Raises SupervisionError, BackendError; Interrupted after a signal.
    """
    backends = backends_from_environment(home)
    embedded = ", ".join(server.name for server in backends.embedded)
    async with Supervisor(home, sink=sink, notes=notes) as supervisor:
        if embedded:
            fresh = backends.kafka is not None and not backends.kafka.prepared
            say(
                f"starting {embedded}" + (" (the first time this fetches Kafka, which takes a minute)" if fresh else "")
            )
        await add_all(supervisor, backends.specs())
        say(backends.addresses.masked)
        yield Ground(home, backends, supervisor)


async def start_shop(
    on: Ground, wiring: Wiring, say: Say, *, replicas: int = 1, hold_transaction: bool = False
) -> Layout:
    """The shop that ``shop up`` runs: prepared, started, ready, and remembered for other commands."""
    layout = shop_layout(on, wiring, replicas=replicas, hold_transaction=hold_transaction)
    await prepare(layout, say)
    await start_services(on.supervisor, layout, say)
    remember(on.home, layout)
    return layout


def shop_layout(on: Ground, wiring: Wiring, *, replicas: int = 1, hold_transaction: bool = False) -> Layout:
    """Where the shop that ``shop up`` runs keeps its things; also while it is stopped."""
    prefix = "shop" if wiring == "events" else f"shop-{wiring}"
    return on.layout(wiring, wiring, prefix, replicas=replicas, hold_transaction=hold_transaction, read_models=NAMES)


async def start_services(supervisor: Supervisor, layout: Layout, say: Say) -> None:
    """Starts all processes of the shop at once; returns when all are ready (orders: when the product copy is there)."""
    specs = shop_specs(layout)
    say(f"starting {', '.join(spec.name for spec in specs)}")
    await add_all(supervisor, specs)


async def stop_services(supervisor: Supervisor, layout: Layout) -> None:
    """Stops and forgets them; what is not there any more is passed over."""
    running = {state.name for state in supervisor.states}
    for spec in reversed(shop_specs(layout)):
        if spec.name in running:
            await supervisor.remove(spec.name)


async def add_all(supervisor: Supervisor, specs: Iterable[ProcessSpec]) -> None:
    """Raises the first failure (SupervisionError); the others' starts are cancelled then."""
    tasks = [asyncio.create_task(supervisor.add(spec)) for spec in specs]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
