"""What can be compared in containers, and what is said of the rest."""

import pytest

from lab.comparing.container_comparison import check_possible, shops_of
from lab.comparing.settings import CompareSettings
from lab.running.errors import ShopError


@pytest.fixture(autouse=True)
def _defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SHOP_WIRING", "SHOP_CHAIN_WIRING"):
        monkeypatch.delenv(name, raising=False)


def test_each_wiring_has_its_shop() -> None:
    shops = shops_of(CompareSettings(wirings=("chain-mesh", "events", "chain")), inside=False)
    assert [(wiring, shop.name) for wiring, shop in shops.items()] == [
        ("chain-mesh", "mesh"),
        ("events", ""),
        ("chain", "chain"),
    ]


def test_the_profile_can_have_another_wiring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_CHAIN_WIRING", "tcc")
    assert shops_of(CompareSettings(wirings=("tcc",)), inside=True)["tcc"].http("orders") == "http://chain-orders:8080"
    with pytest.raises(ShopError, match="no shop in containers is wired chain"):
        shops_of(CompareSettings(wirings=("chain",)), inside=False)


@pytest.mark.parametrize("name", ["products-slow", "bad-deploy", "coordinator-killed"])
def test_what_would_have_to_start_services_anew_is_refused(name: str) -> None:
    with pytest.raises(ShopError, match=name):
        check_possible(CompareSettings(scenarios=(name,)).chosen(), inside=False)


@pytest.mark.parametrize("name", ["products-down", "products-hang", "kafka-down"])
def test_containers_are_taken_away_from_outside_only(name: str) -> None:
    scenarios = CompareSettings(scenarios=(name,)).chosen()
    check_possible(scenarios, inside=False)
    with pytest.raises(ShopError, match="--compose on"):
        check_possible(scenarios, inside=True)
