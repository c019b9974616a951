"""The alert rules: valid, about metrics that there are, and each with its section in the runbook."""

import functools
import os
import re
import shutil
import subprocess
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import REGISTRY

import delivery_svc.app
import orders_svc.app
import products_svc.app
from calls.breaker import STATES
from events.topics import TOPICS
from orders_svc.read_models import NAMES
from orders_svc.read_models.__main__ import main as worker
from orders_svc.settings import OrdersSettings
from tests.deploy.alert_rules import rules, selectors
from tests.deploy.rendering import ROOT, of_kind, render

PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOK = ROOT / "docs" / "runbook.md"
PROCESSES = (orders_svc.app, products_svc.app, delivery_svc.app, worker)
"""Imported: what they export is in the registry then."""

SERVICES = {"orders", "products", "delivery"}
OF_PROMETHEUS = {"job", "instance", "namespace", "pod", "app", "le"}
"""Labels that the scrape adds, and the one that a histogram's buckets have."""


@functools.cache
def routes() -> set[str]:
    app, _ = orders_svc.app.build(OrdersSettings(database_url="postgresql://nobody@127.0.0.1:1/none"))
    return set(app.openapi()["paths"])


RULES = [pytest.param(rule, id=rule["alert"]) for rule in rules()]


def test_every_alert_has_a_section_in_the_runbook_and_every_section_an_alert() -> None:
    alerts = [rule["alert"] for rule in rules()]
    sections = re.findall(r"^## (\w+)$", RUNBOOK.read_text(), re.MULTILINE)
    assert sections == alerts


@pytest.mark.parametrize("rule", RULES)
def test_an_alert_says_how_urgent_it_is_and_what_is_wrong(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert set(rule["labels"]) == {"severity"}
    assert set(rule["annotations"]) == {"summary"}
    section = RUNBOOK.read_text().partition(f"## {rule['alert']}\n\n")[2]
    assert section.startswith(f"`{rule['labels']['severity']}`. ")


@pytest.mark.parametrize("rule", RULES)
def test_an_alert_is_about_metrics_and_labels_that_the_processes_export(rule: dict[str, Any]) -> None:
    exported = {
        name: set(getattr(collector, "_labelnames", ())) for name, collector in REGISTRY._names_to_collectors.items()
    } | {"up": set()}
    values = {
        "service": SERVICES,
        "consumer": SERVICES | set(NAMES),
        "read_model": set(NAMES),
        "topic": {topic.name for topic in TOPICS},
        "state": set(STATES),
        "route": routes(),
    }
    found = list(selectors(promql_parser.parse(rule["expr"])))
    assert found
    for names, matchers in found:
        for name in names:
            assert name in exported, f"nobody exports {name}"
            for label, value in matchers.items():
                assert label in exported[name] | OF_PROMETHEUS, f"{name} has no label {label}"
                assert label not in values or value in values[label], f"{name} never has {label}={value}"


@pytest.mark.parametrize("rule", RULES)
def test_the_summary_uses_labels_that_the_result_has(rule: dict[str, Any]) -> None:
    used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    kept = re.match(r"\s*(?:\w+\([\d., ]*)?(?:sum|min|max) by \(([^)]*)\)", rule["expr"])
    if kept:
        assert used <= set(re.split(r",\s*", kept[1]))
    else:
        assert used <= OF_PROMETHEUS


def test_every_deployment_is_missed_when_nobody_of_it_is_seen() -> None:
    (rule,) = [rule for rule in rules() if rule["alert"] == "NobodyThere"]
    missed = {matchers["app"] for _, matchers in selectors(promql_parser.parse(rule["expr"]))}
    assert missed == {
        deployment["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"]
        for deployment in of_kind(render("production"), "Deployment").values()
    }
    (scrape,) = yaml.safe_load((PROMETHEUS / "prometheus.yaml").read_text())["scrape_configs"]
    (app,) = [step for step in scrape["relabel_configs"] if step.get("target_label") == "app"]
    assert app["source_labels"] == ["__meta_kubernetes_pod_label_app_kubernetes_io_name"]


def test_a_selector_of_a_metric_that_is_not_there_would_be_found() -> None:
    (found,) = selectors(promql_parser.parse('rate(events_lag{consumer="orders"}[5m]) > 0'))
    assert found == (["events_lag"], {"consumer": "orders"})
    assert "events_lag" not in REGISTRY._names_to_collectors


def test_the_alerts_fire_when_they_should() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        missing = pytest.fail if os.environ.get("SHOP_PROMTOOL") == "required" else pytest.skip
        missing("promtool is not on the PATH (it comes with Prometheus)")
    done = subprocess.run(
        [promtool, "test", "rules", "alerts.test.yaml"],
        cwd=ROOT / "tests" / "deploy",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
