"""What every pod must have, whatever runs in it: probes, limits, nothing that it does not need."""

import re
from typing import Any

import pytest
import yaml

from events import fencing, relay
from kit import app, database
from kit.settings import ServiceSettings
from orders_svc.app import build
from orders_svc.read_models import NAMES
from orders_svc.settings import OrdersSettings
from tests.deploy.network import selects
from tests.deploy.rendering import OVERLAYS, ROOT, Pod, of_kind, pods, processes, render

EVERY_POD = [
    pytest.param(overlay, pod, id=f"{overlay}-{pod.name}") for overlay in OVERLAYS for pod in pods(render(overlay))
]
SIZES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


@pytest.mark.parametrize(("overlay", "pod"), EVERY_POD)
def test_it_runs_locked_down(overlay: str, pod: Pod) -> None:
    assert pod.spec["automountServiceAccountToken"] is False
    assert pod.spec["enableServiceLinks"] is False, "a Service's variables would be taken for settings"
    assert pod.spec["securityContext"]["runAsNonRoot"] is True
    assert pod.spec["securityContext"]["runAsUser"] > 0
    assert pod.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod.containers:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.spec.keys()
    assert not [volume for volume in pod.spec.get("volumes", ()) if "hostPath" in volume]


@pytest.mark.parametrize(("overlay", "pod"), EVERY_POD)
def test_it_says_what_it_needs_and_gets_no_more_than_its_limit(overlay: str, pod: Pod) -> None:
    for container in pod.containers:
        resources = container["resources"]
        for name in ("cpu", "memory"):
            assert 0 < _amount(resources["requests"][name]) <= _amount(resources["limits"][name])
    for volume in pod.spec.get("volumes", ()):
        assert "emptyDir" not in volume or volume["emptyDir"]["sizeLimit"]


@pytest.mark.parametrize(("overlay", "pod"), EVERY_POD)
def test_what_stays_is_asked_how_it_is_and_what_runs_once_ends(overlay: str, pod: Pod) -> None:
    if pod.owner["kind"] in ("Job", "CronJob"):
        job = pod.owner["spec"] if pod.owner["kind"] == "Job" else pod.owner["spec"]["jobTemplate"]["spec"]
        assert pod.spec["restartPolicy"] in ("OnFailure", "Never")
        assert job["activeDeadlineSeconds"] > 0
        assert job["ttlSecondsAfterFinished"] > 0
        assert pod.owner["spec"].get("suspend", pod.owner["kind"] == "Job"), "nothing here runs by the clock"
        return
    for container in pod.containers:
        ports = {port["name"] for port in container["ports"]}
        for name in ("startupProbe", "readinessProbe", "livenessProbe"):
            probe = container[name]
            assert probe["timeoutSeconds"] >= 1
            assert "httpGet" not in probe or probe["httpGet"]["port"] in ports


@pytest.mark.parametrize(("overlay", "pod"), [case for case in EVERY_POD if case.values[1].ours])  # type: ignore[union-attr]
def test_our_image_is_run_as_it_was_made(overlay: str, pod: Pod) -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    uid = re.search(r"useradd .*--uid (\d+)", dockerfile)
    assert uid
    assert pod.spec["securityContext"]["runAsUser"] == int(uid[1])
    (container,) = pod.containers
    assert processes(container), container["command"]
    assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]
    for probe in (container.get(f"{name}Probe", {}) for name in ("startup", "readiness", "liveness")):
        script = probe.get("exec", {}).get("command", ["/srv/shop/ready.py"])
        assert any(word in {target for _, target in _copied(dockerfile)} for word in script)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_runs_one_version_of_each_image(overlay: str) -> None:
    images = {container["image"] for pod in pods(render(overlay)) for container in pod.containers}
    names = [image.rpartition(":")[0] for image in images]
    assert len(names) == len(set(names)), images
    assert not [image for image in images if image.endswith(":latest") or ":" not in image]


def test_the_backends_are_those_of_the_compose_file() -> None:
    compose = set(re.findall(r"image: (\S+)", (ROOT / "docker-compose.kafka.yml").read_text()))
    backends = {container["image"] for pod in pods(render("local")) if not pod.ours for container in pod.containers}
    assert len(backends) == 2
    assert backends <= compose


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_deployment_has_a_disruption_budget_of_its_own(overlay: str) -> None:
    manifests = render(overlay)
    deployments = of_kind(manifests, "Deployment")
    budgets = of_kind(manifests, "PodDisruptionBudget").values()
    for name, deployment in deployments.items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        matching = [budget for budget in budgets if selects(budget["spec"]["selector"], labels)]
        assert len(matching) == 1, name
        assert matching[0]["spec"]["maxUnavailable"] == 1
    assert len(budgets) == len(deployments)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_pods_of_a_deployment_are_spread_and_its_own(overlay: str) -> None:
    deployments = of_kind(render(overlay), "Deployment")
    for name, deployment in deployments.items():
        pod = Pod(deployment, deployment["spec"]["template"])
        spread = pod.spec["topologySpreadConstraints"]
        assert [each["topologyKey"] for each in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
        for each in spread:
            assert selects(each["labelSelector"], pod.labels)
            assert set(each["matchLabelKeys"]) <= pod.labels.keys() | {"pod-template-hash"}
        selector = deployment["spec"]["selector"]
        selected = [
            other
            for other, each in deployments.items()
            if selects(selector, each["spec"]["template"]["metadata"]["labels"])
        ]
        assert selected == [name]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_service_leads_to_the_pods_of_its_name(overlay: str) -> None:
    manifests = render(overlay)
    everybody = list(pods(manifests))
    for name, service in of_kind(manifests, "Service").items():
        behind = [pod for pod in everybody if selects({"matchLabels": service["spec"]["selector"]}, pod.labels)]
        assert [pod.owner["metadata"]["name"] for pod in behind] == [name]
        ports = {port["name"] for container in behind[0].containers for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_the_probes_ask_for_routes_that_there_are() -> None:
    orders, _ = build(OrdersSettings(database_url="postgresql://nobody@127.0.0.1:1/none"))
    routes = {getattr(route, "path", "") for route in orders.routes} | set(orders.openapi()["paths"])
    asked = {
        probe["httpGet"]["path"]
        for pod in pods(render("production"))
        for container in pod.containers
        for probe in (container.get(f"{name}Probe", {}) for name in ("startup", "readiness", "liveness"))
        if "httpGet" in probe
    }
    assert asked - {"/metrics"} == {"/health/live", "/health/ready"} & routes


ENDING = {
    "requests": ServiceSettings.model_fields["shutdown_grace_seconds"].default,
    "the batch in hand": app.STOP_SECONDS,
    "the outbox": relay.FINISH_SECONDS,
    "the producer's connections, and its sender": 2 * fencing.CLOSE_SECONDS,
    "the pool": database.CLOSE_SECONDS,
}
"""What a service does one after the other when it is told to stop, with the seconds that each may take."""


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_service_has_time_to_finish_what_it_was_asked(overlay: str) -> None:
    for pod in pods(render(overlay)):
        if pod.labels["app.kubernetes.io/component"] == "service":
            wait = pod.containers[0]["lifecycle"]["preStop"]["sleep"]["seconds"]
            assert pod.spec["terminationGracePeriodSeconds"] >= wait + sum(ENDING.values())


def test_compose_gives_a_service_as_much_time() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.kafka.yml").read_text())["services"]
    for name, service in services.items():
        if service.get("restart") == "unless-stopped" and "shop-events" in service["image"]:
            assert int(service["stop_grace_period"].removesuffix("s")) >= sum(ENDING.values()), name


@pytest.mark.parametrize("overlay", ["local", "production", "production-keda"])
def test_every_read_model_has_its_worker_and_one_goes_before_the_next_comes(overlay: str) -> None:
    workers = {
        process.removeprefix("orders_svc.read_models "): pod.owner["spec"]
        for pod in pods(render(overlay))
        for container in pod.containers
        for process in processes(container)
        if process.startswith("orders_svc.read_models")
    }
    assert set(workers) == set(NAMES)
    assert {(spec["replicas"], spec["strategy"]["type"]) for spec in workers.values()} == {(1, "Recreate")}


@pytest.mark.parametrize(
    ("overlay", "kind", "most"),
    [("production", "HorizontalPodAutoscaler", "maxReplicas"), ("production-keda", "ScaledObject", "maxReplicaCount")],
)
def test_one_autoscaler_has_the_say_over_a_service_up_to_a_replica_a_partition(
    overlay: str, kind: str, most: str
) -> None:
    manifests = render(overlay)
    scaled = {each["spec"]["scaleTargetRef"]["name"]: each["spec"] for each in of_kind(manifests, kind).values()}
    autoscalers = [each for each in manifests if each["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")]
    assert set(scaled) == {"orders", "products", "delivery"}
    assert len(autoscalers) == 3
    (topics,) = [data["data"] for name, data in of_kind(manifests, "ConfigMap").items() if name.startswith("topics")]
    for name, spec in scaled.items():
        assert "replicas" not in of_kind(manifests, "Deployment")[name]["spec"]
        assert spec[most] <= int(topics["SHOP_TOPIC_PARTITIONS"])


def test_both_autoscalers_look_at_the_lag_of_the_reactions() -> None:
    for name, autoscaler in of_kind(render("production"), "HorizontalPodAutoscaler").items():
        (lag,) = [each["external"] for each in autoscaler["spec"]["metrics"] if each["type"] == "External"]
        assert lag["metric"] == {"name": "events_consumer_lag", "selector": {"matchLabels": {"consumer": name}}}
    manifests = render("production-keda")
    (kafka,) = [data["data"] for name, data in of_kind(manifests, "ConfigMap").items() if name.startswith("kafka")]
    for name, scaled in of_kind(manifests, "ScaledObject").items():
        (lag,) = [trigger["metadata"] for trigger in scaled["spec"]["triggers"] if trigger["type"] == "kafka"]
        assert lag["consumerGroup"] == f"{kafka['SHOP_TOPIC_PREFIX']}.{name}"
        assert lag["bootstrapServers"] == kafka["KAFKA_BOOTSTRAP_SERVERS"]


def _amount(quantity: Any) -> float:
    text = str(quantity)
    if text.endswith("m"):
        return float(text[:-1]) / 1000
    return float(text[:-2]) * SIZES[text[-2:]] if text[-2:] in SIZES else float(text)


def _copied(dockerfile: str) -> list[tuple[str, str]]:
    return re.findall(r"^COPY (deploy/\S+) (\S+)$", dockerfile, re.MULTILINE)
