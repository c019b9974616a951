"""The connections in docs/running.md are those that the processes open with the production overlay."""

import inspect
import re

import pytest

from events import faust_worker, watchdog
from kit.settings import ServiceSettings
from orders_svc.read_models import NAMES
from tests.deploy.rendering import ROOT, of_kind, render

PAGE = (ROOT / "docs" / "running.md").read_text()


@pytest.mark.parametrize(("service", "workers"), [("orders", len(NAMES)), ("products", 0), ("delivery", 0)])
def test_the_connections_to_a_database_are_those_that_are_written_down(service: str, workers: int) -> None:
    most = of_kind(render("production"), "HorizontalPodAutoscaler")[service]["spec"]["maxReplicas"]
    pool, relay, surge = ServiceSettings.model_fields["database_pool"].default, 1, 1
    of_a_worker = sum(
        int(size)
        for part in (faust_worker.work, watchdog._watch)
        for size in re.findall(r"max_size=(\d+)", inspect.getsource(part))
    )
    connections = (most + surge) * (pool + relay) + workers * of_a_worker

    (row,) = re.findall(rf"^\| {service} \| ([^|]+) \| (\d+) \|$", PAGE, re.MULTILINE)
    assert row == (f"{most} + {surge}" + (f", and {workers} workers" if workers else ""), str(connections))
