"""Every variable in the manifests is one that the process behind it reads, and every secret is somewhere else."""

import re
from urllib.parse import parse_qs, urlsplit

import certifi
import pytest
import yaml
from pydantic import AliasChoices
from pydantic_settings import BaseSettings

from delivery_svc.settings import DeliverySettings
from events.topics import TopicSettings
from orders_svc.read_models.__main__ import WorkerSettings
from orders_svc.settings import OrdersSettings
from products_svc.settings import ProductsSettings
from tests.deploy.rendering import (
    KUBERNETES,
    OVERLAYS,
    ROOT,
    Manifest,
    Pod,
    environment,
    of_kind,
    pods,
    processes,
    render,
)

READ_BY: dict[str, type[BaseSettings]] = {
    "orders_svc": OrdersSettings,
    "products_svc": ProductsSettings,
    "delivery_svc": DeliverySettings,
    "orders_svc.read_models": WorkerSettings,
    "events.topics": TopicSettings,
}
OURS = [
    pytest.param(overlay, pod, id=f"{overlay}-{pod.name}")
    for overlay in OVERLAYS
    for pod in pods(render(overlay))
    if pod.ours
]


@pytest.mark.parametrize(("overlay", "pod"), OURS)
def test_a_process_reads_every_setting_that_it_is_given(overlay: str, pod: Pod) -> None:
    for container in pod.containers:
        given = {name for name in environment(container, render(overlay)) if name.startswith(("SHOP_", "KAFKA_"))}
        for process in processes(container):
            settings = READ_BY[process.split()[0]]
            assert given - _variables(settings) == set(), settings.__name__


@pytest.mark.parametrize(("overlay", "pod"), OURS)
def test_a_process_starts_with_the_settings_that_it_is_given(
    overlay: str, pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    for container in pod.containers:
        for name, value in environment(container, render(overlay)).items():
            monkeypatch.setenv(name, re.sub(r"/etc/shop/ca/\w+\.crt", certifi.where(), value))
        for process in processes(container):
            READ_BY[process.split()[0]]()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_all_services_of_an_overlay_are_wired_alike(overlay: str) -> None:
    manifests = render(overlay)
    wirings = {
        environment(container, manifests).get("SHOP_WIRING")
        for pod in pods(manifests)
        if pod.labels["app.kubernetes.io/component"] == "service"
        for container in pod.containers
    }
    expected = {"local-chain": "chain", "local-mesh": "chain-mesh"}.get(overlay, "events")
    assert wirings == {expected}


@pytest.mark.parametrize("overlay", ["production", "production-keda"])
def test_production_reaches_nothing_without_tls_and_keeps_everything_three_times(overlay: str) -> None:
    manifests = render(overlay)
    topics = [environment(pod.containers[0], manifests) for pod in pods(manifests) if "topics" in pod.name]
    assert [each["SHOP_TOPIC_REPLICATION_FACTOR"] for each in topics] == ["3"]
    assert [each["SHOP_TOPIC_ACLS"] for each in topics] == ["on"]
    for pod in pods(manifests):
        seen = environment(pod.containers[0], manifests)
        mounted = {each["name"]: each["mountPath"] for each in pod.containers[0]["volumeMounts"]}
        if "SHOP_DATABASE_URL" in seen:
            options = parse_qs(urlsplit(seen["SHOP_DATABASE_URL"]).query)
            assert options["sslmode"] == ["verify-full"]
            assert options["sslrootcert"] == [f"{mounted['ca']}/postgres.crt"]
        if "KAFKA_BOOTSTRAP_SERVERS" in seen:
            assert seen["KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
            assert seen["KAFKA_SSL_CAFILE"] == f"{mounted['ca']}/kafka.crt"
            assert {"KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"} <= seen.keys()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_secrets_stand_in_the_local_overlays_only_and_are_referred_to_everywhere(overlay: str) -> None:
    manifests = render(overlay)
    made = set(of_kind(manifests, "Secret"))
    assert bool(made) is overlay.startswith("local")
    for pod in pods(manifests):
        for container in pod.containers:
            for variable in container.get("env", ()):
                if re.search(r"PASSWORD$|SECRET|TOKEN", variable["name"]):
                    assert "secretKeyRef" in variable["valueFrom"], variable["name"]
                url = urlsplit(variable.get("value", ""))
                assert url.password in (None, "$(DATABASE_PASSWORD)")
    if made:
        assert {name for name, _ in _references(manifests)} == made
    for name, manifest in of_kind(manifests, "ConfigMap").items():
        assert not [key for key in manifest["data"] if re.search(r"PASSWORD|SECRET|TOKEN", key)], name


def test_every_secret_of_production_is_listed_for_whoever_makes_them() -> None:
    page = (KUBERNETES / "README.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| ([^|]+) \|", page, re.MULTILINE)
    listed = {(name, key) for name, keys in rows for key in re.findall(r"`([a-z.]+)`", keys)}
    assert listed == _references(render("production")) | _references(render("production-keda"))


def test_the_passwords_for_a_laptop_are_those_of_compose() -> None:
    example = dict(re.findall(r"^(\w+_PASSWORD)=(\S+)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    kept = (KUBERNETES / "overlays" / "local" / "kustomization.yaml").read_text()
    passwords = dict(re.findall(r"\{name: ([a-z-]+), literals: \[password=([^\]]+)\]\}", kept))
    assert passwords == {
        "postgres-superuser": example["POSTGRES_PASSWORD"],
        "orders-database": example["SHOP_ORDERS_PASSWORD"],
        "products-database": example["SHOP_PRODUCTS_PASSWORD"],
        "delivery-database": example["SHOP_DELIVERY_PASSWORD"],
        "audit-database": example["SHOP_AUDIT_PASSWORD"],
    }
    assert not [each for each in passwords.values() if not each.startswith("laptop-")]


def test_the_databases_job_knows_every_variable_of_its_script() -> None:
    script = (ROOT / "deploy" / "postgres" / "databases.sql").read_text()
    manifests = render("local")
    (job,) = [pod for pod in pods(manifests) if pod.name == "Job/databases"]
    assert (
        set(re.findall(r"^\\getenv \w+ (\w+)", script, re.MULTILINE))
        <= environment(job.containers[0], manifests).keys()
    )


def test_the_broker_in_the_cluster_keeps_its_data_as_the_one_of_compose() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.kafka.yml").read_text())
    there = compose["services"]["kafka"]["environment"]
    manifests = render("local")
    (broker,) = [pod for pod in pods(manifests) if pod.name == "StatefulSet/kafka"]
    here = environment(broker.containers[0], manifests)
    kept = re.compile("REPLICATION_FACTOR|MIN_ISR|AUTO_CREATE|OFFSETS_TOPIC")
    assert {name: value for name, value in here.items() if kept.search(name)} == {
        name: str(value) for name, value in there.items() if kept.search(name)
    }


def test_the_database_server_in_the_cluster_is_set_as_the_one_of_compose() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.kafka.yml").read_text())
    (server,) = [pod for pod in pods(render("local")) if pod.name == "StatefulSet/postgres"]
    assert sorted(server.containers[0]["args"]) == sorted(compose["services"]["postgres"]["command"])


def _variables(settings: type[BaseSettings]) -> set[str]:
    """The environment variables that a settings class reads."""
    names = set()
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            names |= {choice for choice in alias.choices if isinstance(choice, str)}
        else:
            names.add(alias if isinstance(alias, str) else f"SHOP_{name.upper()}")
    return names


def _references(manifests: list[Manifest]) -> set[tuple[str, str]]:
    """(Secret, key) of every reference: variables, volumes (each file of it that a setting names), KEDA's."""
    found = set()
    for pod in pods(manifests):
        for container in pod.containers:
            seen = environment(container, manifests)
            for variable in container.get("env", ()):
                reference = variable.get("valueFrom", {}).get("secretKeyRef")
                if reference:
                    found.add((reference["name"], reference["key"]))
            for volume in pod.spec.get("volumes", ()):
                if "secret" in volume:
                    mounts = [each["mountPath"] for each in container["volumeMounts"] if each["name"] == volume["name"]]
                    files = re.findall(rf"{mounts[0]}/([\w.-]+)", " ".join(seen.values()))
                    found |= {(volume["secret"]["secretName"], file) for file in files}
    for authentication in of_kind(manifests, "TriggerAuthentication").values():
        for target in authentication["spec"]["secretTargetRef"]:
            found.add((target["name"], target["key"]))
    return found
