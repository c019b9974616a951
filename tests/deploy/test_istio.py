"""The manifests for Istio are valid for its current API, and say what the training text says."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from tests.deploy.istio_schema import DestinationRule, VirtualService

ISTIO = Path(__file__).parents[2] / "deploy" / "istio"


def manifest(name: str) -> Any:
    return yaml.safe_load((ISTIO / name).read_text())


def test_the_destination_rule_is_valid() -> None:
    DestinationRule.model_validate(manifest("destination-rule.yaml"))


def test_the_virtual_service_is_valid() -> None:
    VirtualService.model_validate(manifest("virtual-service.yaml"))


def test_it_says_what_the_training_text_says_with_the_fields_of_today() -> None:
    original, ours = manifest("original/destination-rule.yaml"), manifest("destination-rule.yaml")
    original["apiVersion"] = "networking.istio.io/v1"
    detection = original["spec"]["trafficPolicy"]["outlierDetection"]
    detection["consecutive5xxErrors"] = detection.pop("consecutiveErrors")

    assert ours == original


def test_both_are_about_the_same_service() -> None:
    rule, service = manifest("destination-rule.yaml"), manifest("virtual-service.yaml")
    routed = [route["destination"]["host"] for rule in service["spec"]["http"] for route in rule["route"]]
    assert service["spec"]["hosts"] == routed == [rule["spec"]["host"]]


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        (("spec", "trafficPolicy", "outlierDetection"), "consecutiveErrors", 5),
        (("spec", "trafficPolicy", "outlierDetection"), "consecutive5xxError", 5),
        (("spec", "trafficPolicy", "outlierDetection"), "baseEjectionTime", "30"),
        (("spec", "trafficPolicy", "outlierDetection"), "maxEjectionPercent", 101),
        (("spec", "trafficPolicy", "connectionPool", "tcp"), "maxConnections", "1"),
        (("spec", "trafficPolicy", "connectionPool"), "maxConnections", 1),
        (("spec",), "hosts", ["products"]),
        ((), "apiVersion", "networking.istio.io/v1alpha3"),
    ],
)
def test_a_misspelt_misplaced_or_deprecated_field_is_not_valid(path: tuple[str, ...], field: str, value: Any) -> None:
    changed = copy.deepcopy(manifest("destination-rule.yaml"))
    place = changed
    for name in path:
        place = place[name]
    place[field] = value

    with pytest.raises(ValidationError):
        DestinationRule.model_validate(changed)
