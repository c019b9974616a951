"""The NetworkPolicies allow exactly the edges of the architecture, and no other."""

import pytest

from orders_svc.read_models import NAMES
from tests.deploy.network import Edge, Peer, edges
from tests.deploy.rendering import render

SERVICES = ("orders", "products", "delivery")
MIGRATIONS = tuple(f"migrate-{service}" for service in SERVICES)
RECOVERIES = tuple(f"recover-{service}" for service in SERVICES)

GATEWAY = Peer("gateway", namespace={"kubernetes.io/metadata.name": "gateway", "shop-gateway": "true"})
PROMETHEUS = Peer("prometheus", namespace={"kubernetes.io/metadata.name": "monitoring", "shop-monitoring": "true"})
STRANGER = Peer("stranger", {"app.kubernetes.io/name": "orders"}, namespace={"kubernetes.io/metadata.name": "other"})
DNS = Peer("dns", {"k8s-app": "kube-dns"}, namespace={"kubernetes.io/metadata.name": "kube-system"})
ISTIOD = Peer("istiod", {"app": "istiod"}, namespace={"kubernetes.io/metadata.name": "istio-system"})
KAFKA = Peer("kafka far away", address="192.0.2.10")
POSTGRES = Peer("postgres far away", address="198.51.100.10")
INTERNET = Peer("internet", address="203.0.113.1")
OUTSIDE = [GATEWAY, PROMETHEUS, STRANGER, DNS, ISTIOD, KAFKA, POSTGRES, INTERNET]

PORTS = {
    **dict.fromkeys([*SERVICES, *NAMES, "stranger", "gateway", "prometheus"], 8080),
    "kafka": 9092,
    "postgres": 5432,
    "kafka far away": 9094,
    "postgres far away": 5432,
    "internet": 443,
    "istiod": 15012,
}

WORKLOADS = ("Deployment", "StatefulSet", "Job", "CronJob")
ASKED = {("gateway", service, 8080) for service in SERVICES} | {("prometheus", name, 8080) for name in SERVICES}
MEASURED = {("prometheus", name, 8080) for name in NAMES}
LINKS = {("orders", "products", 8080), ("orders", "delivery", 8080), ("delivery", "products", 8080)}


def to(place: str, *names: str) -> set[Edge]:
    return {(name, place, PORTS[place]) for name in names}


EXPECTED = {
    "local": ASKED
    | MEASURED
    | to("kafka", *SERVICES, *NAMES, *RECOVERIES, "topics")
    | to("postgres", *SERVICES, *NAMES, *RECOVERIES, *MIGRATIONS, "databases"),
    "local-chain": ASKED | LINKS | to("postgres", *SERVICES, *MIGRATIONS, "databases"),
    "local-mesh": ASKED | LINKS | to("postgres", *SERVICES, *MIGRATIONS, "databases") | to("istiod", *SERVICES),
    "production": ASKED
    | MEASURED
    | to("kafka far away", *SERVICES, *NAMES, *RECOVERIES, "topics")
    | to("postgres far away", *SERVICES, *NAMES, *RECOVERIES, *MIGRATIONS),
}
EXPECTED["production-keda"] = EXPECTED["production"]


@pytest.mark.parametrize("overlay", EXPECTED)
def test_everybody_reaches_exactly_whom_the_architecture_says(overlay: str) -> None:
    assert edges(render(overlay), OUTSIDE, PORTS) == EXPECTED[overlay]


def test_by_events_no_service_can_reach_another_one() -> None:
    reached = edges(render("local"), OUTSIDE, PORTS)
    assert {(source, target) for source, target, _ in reached if {source, target} <= {*SERVICES, *NAMES}} == set()


@pytest.mark.parametrize("overlay", EXPECTED)
def test_everybody_can_ask_for_names(overlay: str) -> None:
    manifests = render(overlay)
    names = {each["metadata"]["name"] for each in manifests if each["kind"] in WORKLOADS}
    assert {source for source, _, _ in edges(manifests, OUTSIDE, {"dns": 53})} == names


def test_without_the_default_everything_would_be_open() -> None:
    """The evaluation itself sees what is missing."""
    manifests = [each for each in render("local") if each["metadata"]["name"] != "default-deny"]
    assert ("stranger", "kafka", 9092) not in edges(manifests, OUTSIDE, PORTS)
    assert ("orders", "internet", 443) not in edges(manifests, OUTSIDE, PORTS), "orders has an Egress policy anyway"
    manifests = [each for each in manifests if not each["metadata"]["name"].startswith("to-")]
    assert ("orders", "internet", 443) in edges(manifests, OUTSIDE, PORTS)
