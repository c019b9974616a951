"""Which databases, topics, ports and addresses one shop has. Written down, so that other commands find it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit, urlunsplit

import orjson

from events.kafka import Kafka
from kit.kafka_settings import security_here
from kit.settings import Wiring
from lab.audit import Databases
from lab.running.errors import NotRunning
from lab.running.passwords import password_of
from lab.supervision import Home, read_state

SERVICES = ("orders", "products", "delivery")
WIRINGS: tuple[str, ...] = get_args(Wiring)
USUAL_PORTS = {"orders": 8081, "products": 8085, "delivery": 8082}


@dataclass(frozen=True)
class Layout:
    """One shop. ``name`` stands in its databases' names and, with ``topic_prefix``, keeps it apart from all others.
    ``mark`` (of the home) stands in the names of databases and roles on a PostgreSQL server of others, where other
    homes may have the same; empty on our own. ``hold_transaction`` is for the chain: see ``orders_svc.settings``.
    ``read_models`` are those of orders that are followed (by events only), each by a worker of its own.

    ``sidecars`` are the ports of wiring ``chain-mesh`` (see ``lab.mesh.sidecars``), by process; no others have any.
    There ``ports`` are where the sidecars take requests in, on behalf of their services.

    ``told`` are further settings of a service's processes, for experiments.

    ``admin`` is the PostgreSQL URL of a role that may create databases and roles; ``secret`` makes the passwords of
    the roles. Both are secrets, so the file this is kept in is the user's own.
    """

    name: str
    wiring: Wiring
    topic_prefix: str
    kafka: str
    admin: str = field(repr=False)
    secret: str = field(repr=False)
    ports: Mapping[str, int]
    replicas: int = 1
    mark: str = ""
    hold_transaction: bool = False
    read_models: Sequence[str] = ()
    sidecars: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    told: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def database(self, service: str) -> str:
        parts = ("shop", self.name.replace("-", "_"), self.mark, service)  # a name that needs no quotes in SQL
        return "_".join(part for part in parts if part)

    def role(self, service: str) -> str:
        """Who owns the service's database."""
        return "_".join(part for part in ("shop", self.mark, service) if part)

    def auditor(self, service: str) -> str:
        """Who may only read it."""
        return f"{self.role(service)}_auditor"

    def service_url(self, service: str) -> str:
        """The service's own address of its own database."""
        return self._url(service, self.database(service), self.role(service))

    def auditor_url(self, service: str) -> str:
        """The same database, through the read-only role that only the lab has."""
        return self._url(service, self.database(service), self.auditor(service))

    def admin_url(self, database: str) -> str:
        return urlunsplit(urlsplit(self.admin)._replace(path=f"/{database}"))

    def http(self, service: str) -> str:
        """Where the service answers; a further replica is called ``orders-1``, ..."""
        return f"http://127.0.0.1:{self.ports[service]}"

    def itself(self, process: str) -> str:
        """Where the process itself answers, behind its sidecar if it has one."""
        return (
            f"http://127.0.0.1:{self.sidecars[process]['service']}" if process in self.sidecars else self.http(process)
        )

    def audited(self) -> Databases:
        orders, products, delivery = (self.auditor_url(service) for service in SERVICES)
        return Databases(orders, products, delivery, self.wiring)

    def broker(self) -> Kafka:
        """As this command's own user, which its environment names (``KAFKA_*``)."""
        return Kafka(self.kafka, self.topic_prefix, security_here())

    def _url(self, service: str, database: str, role: str) -> str:
        parts = urlsplit(self.admin)
        netloc = f"{role}:{password_of(role, self.secret)}@{parts.netloc.rpartition('@')[2]}"
        return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}"))


def remember(home: Home, layout: Layout) -> None:
    """For other commands, while the shop runs; readable by this user only."""
    path = _file(home)
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(orjson.dumps(asdict(layout)))
    draft.replace(path)


def running_shop(home: Home) -> Layout:
    """The shop that runs in this home. Raises NotRunning."""
    try:
        raw: dict[str, Any] = orjson.loads(_file(home).read_bytes())
    except FileNotFoundError:
        raise NotRunning from None
    if read_state(home) is None:
        raise NotRunning
    return Layout(**raw)


def _file(home: Home) -> Path:
    return home.run / "shop.json"
