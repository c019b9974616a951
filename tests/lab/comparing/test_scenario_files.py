"""Scenarios from files: all that come along can be read, and wrong ones are told what would be right."""

from pathlib import Path

import pytest

from lab.comparing.scenarios import NAMES, chosen, loading, shortened
from lab.comparing.scenarios.scenario import Fault
from lab.comparing.settings import CompareSettings
from lab.running.errors import ShopError

WHOLE = """
title = "Delivery is deployed and then hangs"
text = "Two faults in one round, at twice the rate."
least_seconds = 20

[load]
rate_factor = 2
products = [2, 3]

[told.orders]
SHOP_PENDING_TIMEOUT_SECONDS = "30"

[[faults]]
kind = "deploy"
target = "delivery"
told = { SHOP_TRY_SWEEP_SECONDS = "2" }
at_seconds = 1.5
seconds = 2

[[faults]]
kind = "hang"
target = "delivery"
at = 0.5
seconds = 4
"""
HEAD = 'title = "A"\ntext = "B"\n'
KILL = '[[faults]]\nkind = "kill"\ntarget = "products"\nseconds = 1\n'


@pytest.mark.parametrize("name", NAMES)
def test_those_that_come_along_can_be_read(name: str) -> None:
    scenario = chosen([name])[name]
    assert scenario.title
    assert scenario.text.endswith((".", "?"))
    assert "{" not in scenario.model_dump()["text"]
    lasts = max((fault.starts(scenario.least_seconds) + fault.seconds for fault in scenario.faults), default=0)
    assert lasts < scenario.least_seconds or name == "coordinator-killed", "it is seen to end under load"


def test_every_file_that_comes_along_has_its_place() -> None:
    assert {path.stem for path in Path(loading.__file__).parent.glob("*.toml")} == set(NAMES)


def test_ones_own_file_says_it_all(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(WHOLE)
    found = CompareSettings(scenarios=("healthy", str(tmp_path / "mine.toml"))).chosen()
    assert list(found) == ["healthy", "mine"]
    mine = found["mine"]
    assert mine.load.rate(50) == 100
    assert mine.load.products == (2, 3)
    assert [fault.starts(40) for fault in mine.faults] == [1.5, 20]
    assert (mine.measured_seconds(10), mine.measured_seconds(30)) == (20, 30)
    assert mine.model_dump(mode="json")["faults"][1]["kind"] == "hang"


def test_faults_can_be_shortened_and_the_round_with_them() -> None:
    short = shortened(chosen(["products-down"])["products-down"], 2)
    assert [fault.seconds for fault in short.faults] == [2]
    assert short.least_seconds == pytest.approx(3.6)
    assert short.model_dump()["text"] == "products is killed (SIGKILL) and started again 2 s later."
    healthy = chosen(["healthy"])["healthy"]
    assert shortened(healthy, 2) == healthy


def test_a_closed_load_has_no_rate() -> None:
    assert chosen(["saturation"])["saturation"].load.rate(50) == 0
    assert chosen(["overload"])["overload"].load.rate(50) == 1000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title =", "is no TOML"),
        ("titel = 'A'", "title: is missing; text: is missing; titel: there is no such entry; there are title, text"),
        (f"{HEAD}[load]\nrate = 3", "load.rate: there is no such entry; there are kind, rate_factor"),
        (f"{HEAD}[load]\nrate_factor = 2\norders_per_second = 3", "rate_factor or orders_per_second, not both"),
        (f"{HEAD}[load]\nkind = 'closed'\nrate_factor = 2", "a closed load has no rate: leave rate_factor out"),
        (f"{HEAD}[load]\nproducts = []", "load.products: "),
        (f"{HEAD}[told.products]\nSHOP_INJECT_DELAYY = '1'", "products has no setting SHOP_INJECT_DELAYY"),
        (f"{HEAD}[told.products]\nSHOP_WIRING = 'chain'", "products has no setting SHOP_WIRING"),
        (f"{HEAD}[told.products]\nSHOP_INJECT_DELAY_MS = 'long'", "inject_delay_ms: Input should be a valid number"),
        (f"{HEAD}[told.kitchen]\nA = '1'", "input should be 'orders', 'products' or 'delivery', not 'kitchen'"),
        (f"{HEAD}{KILL}", "faults.1: say when it hits with at"),
        (f"{HEAD}{KILL}at = 0.2\nat_seconds = 1", "faults.1: say when it hits with at"),
        (f"{HEAD}{KILL}at = 1", "faults.1.at: input should be less than 1, not 1"),
        (f"{HEAD}{KILL}at = nan", "faults.1.at: input should be a finite number"),
        (f"{HEAD}{KILL}at_seconds = 3", "needs a measured time beyond it: raise least_seconds (1)"),
        (f"{HEAD}{KILL}at = 0.2\nper_second = 3", "per_second is for kind = 'prices' alone: leave it out"),
        (f"{HEAD}{KILL}at = 0.2".replace("kill", "prices"), "prices needs per_second, for example per_second = 20"),
        (f"{HEAD}{KILL}at = 0.2".replace("kill", "deploy"), "deploy needs told, for example"),
        (f"{HEAD}{KILL}at = 0.2".replace("kill", "flood"), "faults.1.kind: input should be 'kill', 'hang'"),
        (f"{HEAD}{KILL}at = 0.2".replace("kill", "crash"), "crash takes one of orders as target, not products"),
        (f"{HEAD}{KILL}at = 0.2".replace('"kill"', '"hang"').replace('"products"', '"postgres"'), "not postgres"),
    ],
)
def test_wrong_ones_are_told_what_would_be_right(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ShopError) as refused:
        chosen([str(file)])
    assert str(file) in str(refused.value)
    assert said in str(refused.value)


def test_names_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ShopError, match="there is no scenario flood; there are healthy"):
        chosen(["flood"])
    with pytest.raises(ShopError, match="cannot be read: No such file"):
        chosen([str(tmp_path / "none.toml")])
    with pytest.raises(ShopError, match="give the file another name"):
        chosen([str(tmp_path / "healthy.toml")])
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.toml").write_text(HEAD)
    with pytest.raises(ShopError, match="two scenarios are called mine"):
        chosen([str(tmp_path / "a" / "mine.toml"), str(tmp_path / "b" / "mine.toml")])


def test_a_crash_stands_alone() -> None:
    crash = Fault(kind="crash", target="orders", at=0.2, seconds=1)
    with pytest.raises(ValueError, match="a crash stands alone"):
        chosen(["healthy"])["healthy"].model_validate({"title": "A", "text": "B", "faults": [crash, crash]})
