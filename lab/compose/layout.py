"""Where the parts of a shop in containers are, seen from the host or from inside its network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit

from lab.compose.settings import ComposeSettings, Which, compose_settings
from lab.mesh.containers import OUTBOUND
from lab.mesh.sidecars import ASKS
from lab.running.layout import SERVICES, Layout
from orders_svc.read_models import NAMES

_PREFIX: Mapping[Which, str] = {"on": "", "chain": "chain", "mesh": "mesh"}


@dataclass(frozen=True)
class ComposeLayout(Layout):
    """``name`` is what stands before the names of its containers, databases and roles ("": the one without profile).
    ``project`` is compose's name of all of it. ``inside``: seen from a container of it. ``hosts``: service -> where it
    answers. ``passwords``: role -> password; they are secrets."""

    project: str = "shop"
    inside: bool = False
    hosts: Mapping[str, str] = field(default_factory=dict)
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)

    def database(self, service: str) -> str:
        return f"{self.name}_{service}" if self.name else service

    def role(self, service: str) -> str:
        return self.database(service)

    def http(self, service: str) -> str:
        return f"http://{self.hosts[service]}"

    def itself(self, process: str) -> str:
        """Nothing but its Envoy reaches a service of the mesh."""
        return self.http(process)

    def container(self, service: str) -> str:
        """What compose calls the service."""
        return f"{self.name}-{service}" if self.name else service

    def _url(self, service: str, database: str, role: str) -> str:
        parts = urlsplit(self.admin)
        netloc = f"{role}:{quote(self.passwords[role], safe='')}@{parts.netloc.rpartition('@')[2]}"
        return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}"))


def compose_shop(which: Which, *, inside: bool = False, settings: ComposeSettings | None = None) -> ComposeLayout:
    """The shop without profile (``on``), or that of a profile. ``inside``: for a container of the same project. Raises
    ShopError for settings that cannot be; whether it runs is not asked."""
    found, name = settings or compose_settings(), _PREFIX[which]
    full = {service: f"{name}_{service}" if name else service for service in SERVICES}
    wiring = {"on": found.wiring, "chain": found.chain_wiring, "mesh": "chain-mesh"}[which]
    outside = {service: f"127.0.0.1:{found.port(full[service])}" for service in SERVICES}
    within = {service: f"{full[service].replace('_', '-')}:8080" for service in SERVICES}
    server = "postgres:5432" if inside else f"127.0.0.1:{found.postgres_port}"
    return ComposeLayout(
        name=name,
        wiring=wiring,
        topic_prefix="shop",
        kafka="kafka:9092" if inside else f"127.0.0.1:{found.kafka_port}",
        admin=f"postgresql://postgres:{quote(found.password('postgres'), safe='')}@{server}/postgres",
        secret="",
        ports={service: 8080 if inside else found.port(full[service]) for service in SERVICES},
        read_models=NAMES if wiring == "events" else (),
        sidecars=_sidecars(found) if which == "mesh" and not inside else {},
        project=found.project,
        inside=inside,
        hosts=within if inside else outside,
        passwords={full[service]: found.password(service) for service in SERVICES}
        | {f"{full[service]}_auditor": found.password("audit") for service in SERVICES},
    )


def _sidecars(settings: ComposeSettings) -> dict[str, dict[str, int]]:
    return {
        service: {"admin": settings.port(f"mesh_{service}_admin"), **{peer: OUTBOUND[peer] for peer in ASKS[service]}}
        for service in SERVICES
    }
