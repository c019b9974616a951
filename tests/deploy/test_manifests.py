"""What the overlays are made of is valid, offline: by the schemas of Kubernetes, KEDA and Istio, strictly."""

import json
import re
from typing import Any

import pytest

from tests.deploy.rendering import KUBERNETES, OVERLAYS, of_kind, render
from tests.deploy.validation import NEWEST, OLDEST, wrong


def test_every_overlay_is_known() -> None:
    assert {folder.name for folder in (KUBERNETES / "overlays").iterdir()} == set(OVERLAYS)


def test_every_manifest_of_every_overlay_is_valid() -> None:
    different = {json.dumps(each, sort_keys=True): each for overlay in OVERLAYS for each in render(overlay)}
    assert [reason for each in different.values() for reason in wrong(each, OLDEST, NEWEST)] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_of_an_overlay_is_in_its_namespace(overlay: str) -> None:
    manifests = render(overlay)
    (namespace,) = of_kind(manifests, "Namespace")
    assert {each["metadata"].get("namespace") for each in manifests if each["kind"] != "Namespace"} == {namespace}


@pytest.mark.parametrize("overlay", ["production", "production-keda"])
def test_a_release_is_applied_in_the_steps_of_the_page(overlay: str) -> None:
    """First whatever is no process that stays, then (for a new version of an event) everybody but its publisher."""
    page = (KUBERNETES / "README.md").read_text()
    before, readers = re.findall(r"^kubectl apply -f shop.yaml -l '(.*)'$", page, re.MULTILINE)
    manifests = [
        (each["kind"], each["metadata"]["name"], each["metadata"].get("labels", {})) for each in render(overlay)
    ]
    first = {(kind, name) for kind, name, labels in manifests if chosen(before, labels)}
    second = {name for kind, name, labels in manifests if kind == "Deployment" and chosen(readers, labels)}
    assert {kind for kind, _ in first} >= {"Namespace", "ConfigMap", "Job", "NetworkPolicy"}
    assert "Deployment" not in {kind for kind, _ in first}
    assert second == set(of_kind(render(overlay), "Deployment")) - {"orders"}


def chosen(selector: str, labels: dict[str, str]) -> bool:
    """As kubectl reads ``-l``: every ``KEY in (...)`` and ``KEY notin (...)`` holds."""
    rules = re.findall(r"(\S+) (in|notin) \(([^)]*)\)", selector)
    assert rules
    return all((labels.get(key) in values.split(", ")) == (how == "in") for key, how, values in rules)


@pytest.mark.parametrize(
    ("overlay", "kind", "path", "field", "value"),
    [
        ("local", "Deployment", ("spec", "template", "spec", "containers", 0), "readinesProbe", {}),
        ("local", "Deployment", ("spec", "template", "spec", "containers", 0, "readinessProbe"), "periodSecond", 5),
        ("local", "Deployment", ("spec", "template", "spec"), "automountServiceAcountToken", False),
        ("local", "Deployment", ("spec",), "replicas", "two"),
        ("local", "PodDisruptionBudget", ("spec",), "maxUnavailible", 1),
        ("local", "NetworkPolicy", ("spec",), "egres", []),
        ("local", "Job", ("spec",), "ttlSecondsAfterFinish", 1),
        ("local", "Deployment", (), "kind", "Deploiment"),
        ("production", "HorizontalPodAutoscaler", ("spec", "metrics", 0, "external", "target"), "averagevalue", "1"),
        ("production-keda", "ScaledObject", ("spec",), "maxReplicas", 12),
        ("production-keda", "ScaledObject", ("spec", "triggers", 0, "metadata"), "lagTreshold", "5"),
        ("production-keda", "ScaledObject", ("spec", "triggers", 0, "metadata"), "lagThreshold", 5),
        ("production-keda", "ScaledObject", ("spec", "triggers", 0, "metadata"), "sasl", "scram"),
        ("production-keda", "TriggerAuthentication", ("spec", "secretTargetRef", 0), "parameter", "user"),
        ("local-mesh", "DestinationRule", ("spec", "trafficPolicy"), "outlierDetections", {}),
    ],
)
def test_a_misspelt_or_mistyped_field_is_found(
    overlay: str, kind: str, path: tuple[Any, ...], field: str, value: Any
) -> None:
    manifest = next(iter(of_kind(render(overlay), kind).values()))
    assert list(wrong(manifest, OLDEST)) == []
    place: Any = manifest
    for step in path:
        place = place[step]
    place[field] = value

    assert list(wrong(manifest, OLDEST)) != []
