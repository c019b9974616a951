"""What a scenario tells its shop, and where it has a coordinator killed."""

from dataclasses import replace
from typing import Any

import pytest

from lab.comparing.comparison import schedule
from lab.comparing.scenarios import SLOW, prepared, steps, surviving
from lab.comparing.settings import CompareSettings
from lab.running.layout import Layout
from lab.running.specs import environment
from orders_svc.settings import OrdersSettings
from products_svc.settings import ProductsSettings

LAYOUT = Layout(
    "r1",
    "2pc",
    "shop",
    "localhost:1",
    "postgresql://admin@localhost/postgres",
    "s",
    {"orders": 1, "products": 2, "delivery": 3},
)


def test_products_is_as_slow_as_in_the_original_lab_and_nobody_else() -> None:
    layout = prepared(LAYOUT, "products-slow", "", orders_before=100)
    assert environment(layout, "products").items() >= SLOW.items()
    assert not environment(layout, "orders").keys() & SLOW.keys()


@pytest.mark.parametrize(("step", "times"), [("2pc.coordinator.decided", 100), ("2pc.coordinator.aborting", 20)])
def test_a_coordinator_dies_at_its_step_once_the_load_is_under_way(step: str, times: int) -> None:
    layout = prepared(LAYOUT, "coordinator-killed", step, orders_before=120)
    assert environment(layout, "orders")["SHOP_CRASH_AT"] == f"{step}:{times}"
    assert "SHOP_CRASH_AT" not in environment(layout, "products")


@pytest.mark.parametrize("step", ["tcc.compensation-logged", "tcc.compensated"])
def test_tries_run_out_before_their_confirmation_where_a_coordinator_dies_compensating(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = prepared(replace(LAYOUT, wiring="tcc"), "coordinator-killed", step, orders_before=120)
    assert environment(layout, "orders")["SHOP_CRASH_AT"] == f"{step}:1"

    orders = as_told(OrdersSettings, environment(layout, "orders"), monkeypatch)
    products = as_told(ProductsSettings, environment(layout, "products"), monkeypatch)

    in_time = orders.call_deadline_seconds * 1000 / products.inject_delay_jitter_ms  # of calls to products
    too_late = 1 - orders.try_seconds * 1000 / products.inject_delay_jitter_ms
    assert products.inject_delay_ms == 0, "some calls to products are answered in time"
    assert in_time**2 * too_late >= 0.05, "asking for the price and trying are in time, confirming is not"


def test_a_coordinator_is_started_again_with_all_it_was_told_but_its_death() -> None:
    layout = prepared(replace(LAYOUT, wiring="tcc"), "coordinator-killed", "tcc.compensated", orders_before=120)
    again = environment(surviving(layout), "orders")
    assert again == {name: told for name, told in environment(layout, "orders").items() if name != "SHOP_CRASH_AT"}
    assert environment(surviving(layout), "products") == environment(layout, "products")


def as_told(settings: type[Any], told: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The settings that a process reads which was told that."""
    with monkeypatch.context() as process:
        for name, value in told.items():
            process.setenv(name, value)
        return settings()


def test_every_step_of_a_protocol_has_its_round_and_the_others_are_killed_once() -> None:
    settings = CompareSettings(wirings=("chain", "2pc", "3pc", "tcc"), scenarios=("coordinator-killed",), rounds=1)
    planned = [(one.wiring, one.step) for one in schedule(settings)]
    assert planned == [(w, step) for w in settings.wirings for step in steps("coordinator-killed", w)]
    assert planned[0] == ("chain", "")
    assert len(planned) == len(set(planned)) > 20


def test_other_scenarios_have_one_round_a_wiring() -> None:
    settings = CompareSettings(wirings=("chain", "2pc"), scenarios=("healthy", "products-slow"), rounds=1)
    assert [(one.scenario, one.wiring, one.step) for one in schedule(settings)] == [
        ("healthy", "chain", ""),
        ("healthy", "2pc", ""),
        ("products-slow", "chain", ""),
        ("products-slow", "2pc", ""),
    ]
