"""Where a coordinator is killed, and what its shop is told for it."""

from dataclasses import replace
from typing import Any

import pytest

from lab.comparing.coordinator import armed, steps, surviving
from lab.comparing.schedule import schedule
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


@pytest.mark.parametrize(("step", "times"), [("2pc.coordinator.decided", 100), ("2pc.coordinator.aborting", 20)])
def test_a_coordinator_dies_at_its_step_once_the_load_is_under_way(step: str, times: int) -> None:
    layout = armed(LAYOUT, step, orders_before=120)
    assert environment(layout, "orders")["SHOP_CRASH_AT"] == f"{step}:{times}"
    assert "SHOP_CRASH_AT" not in environment(layout, "products")


@pytest.mark.parametrize("step", ["tcc.compensation-logged", "tcc.compensated"])
def test_tries_run_out_before_their_confirmation_where_a_coordinator_dies_compensating(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = armed(replace(LAYOUT, wiring="tcc"), step, orders_before=120)
    assert environment(layout, "orders")["SHOP_CRASH_AT"] == f"{step}:1"

    orders = as_told(OrdersSettings, environment(layout, "orders"), monkeypatch)
    products = as_told(ProductsSettings, environment(layout, "products"), monkeypatch)

    in_time = orders.call_deadline_seconds * 1000 / products.inject_delay_jitter_ms  # of calls to products
    too_late = 1 - orders.try_seconds * 1000 / products.inject_delay_jitter_ms
    assert products.inject_delay_ms == 0, "some calls to products are answered in time"
    assert in_time**2 * too_late >= 0.05, "asking for the price and trying are in time, confirming is not"


def test_a_coordinator_is_started_again_with_all_it_was_told_but_its_death() -> None:
    layout = armed(replace(LAYOUT, wiring="tcc"), "tcc.compensated", orders_before=120)
    again = environment(surviving(layout), "orders")
    assert again == {name: told for name, told in environment(layout, "orders").items() if name != "SHOP_CRASH_AT"}
    assert environment(surviving(layout), "products") == environment(layout, "products")


def as_told(settings: type[Any], told: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The settings that a process reads which was told that."""
    with monkeypatch.context() as process:
        for name, value in told.items():
            process.setenv(name, value)
        return settings()


def test_what_the_scenario_tells_stands_beside_it() -> None:
    slow = {"products": {"SHOP_INJECT_DELAY_MS": "400"}, "orders": {"SHOP_DATABASE_POOL": "5"}}
    layout = armed(replace(LAYOUT, told=slow), "2pc.coordinator.decided", orders_before=120)
    assert environment(layout, "products")["SHOP_INJECT_DELAY_MS"] == "400"
    assert environment(surviving(layout), "orders")["SHOP_DATABASE_POOL"] == "5"
    assert surviving(armed(replace(LAYOUT, told=slow), "", orders_before=120)).told == slow


def test_every_step_of_a_protocol_has_its_round_and_the_others_are_killed_once() -> None:
    settings = CompareSettings(wirings=("chain", "2pc", "3pc", "tcc"), scenarios=("coordinator-killed",), rounds=1)
    planned = [(one.wiring, one.step) for one in schedule(settings, settings.chosen())]
    assert planned == [(wiring, step) for wiring in settings.wirings for step in steps(wiring)]
    assert planned[0] == ("chain", "")
    assert len(planned) == len(set(planned)) > 20
