"""What a scenario may say of its load: how fast, when, and how that is told."""

import re
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from lab.comparing.footnotes import told_conditions
from lab.comparing.offering import offered
from lab.comparing.scenarios import NAMES, Scenario, at_hand, chosen
from lab.comparing.schedule import Planned, load_seconds
from lab.comparing.settings import CompareSettings
from lab.comparing.summary import lines
from lab.load.orders import Orders
from lab.load.plan import LoadPlan
from lab.load.recorded import Arrival, read_recorded, write_recorded
from lab.report.reading import Comparison
from lab.report.tables import load
from lab.running.errors import ShopError
from lab.trace import dataset
from tests.house.tree import ROOT
from tests.lab.audit.planted import Shop
from tests.lab.comparing.documents import several

HEAD = 'title = "A"\ntext = "B"\n'
CRASH = '[[faults]]\nkind = "crash"\ntarget = "orders"\nat = 0.2\nseconds = 1\n'
KILL = '[[faults]]\nkind = "kill"\ntarget = "products"\nat_seconds = 2\nseconds = 1\n'
TRACE = [Arrival(5.0, 7, 3, "ann"), Arrival(5.5, 8, 1, "bob"), Arrival(5.5, 7, 2, "ann"), Arrival(8.0, 9, 1, "eve")]
SETTINGS = CompareSettings(rate=50, seconds=10, warmup_seconds=1)


def scenario(folder: Path, load: str, rest: str = "") -> Scenario:
    (folder / "mine.toml").write_text(f"{HEAD}[load]\n{load}\n{rest}")
    return chosen([str(folder / "mine.toml")])["mine"]


def plan(of: Scenario, folder: Path, settings: CompareSettings = SETTINGS, **more: Any) -> LoadPlan:
    seconds = load_seconds(Planned("mine", "events", 1), of, settings)
    products = of.load.products or settings.products
    return offered(of, settings, folder, url="http://x/orders", run="r", seconds=seconds, products=products, **more)


def trace(folder: Path, arrivals: list[Arrival] = TRACE) -> str:
    write_recorded(folder / "day.csv", arrivals)
    return 'trace = "day.csv"'


def test_a_ramp_begins_at_the_rate_of_the_command_or_its_own(tmp_path: Path) -> None:
    made = plan(scenario(tmp_path, "ramp_to = 200"), tmp_path)
    assert (made.rate, made.ramp_to, made.seconds, made.warmup_seconds) == (50, 200, 10, 1)
    made = plan(scenario(tmp_path, "orders_per_second = 20\nramp_factor = 0.5"), tmp_path)
    assert (made.rate, made.ramp_to) == (20, 10)
    assert plan(chosen(["ramp"])["ramp"], tmp_path).ramp_to == 200


def test_a_warm_up_has_the_rate_with_which_the_ramp_begins(tmp_path: Path) -> None:
    offsets = Orders(plan(scenario(tmp_path, "ramp_to = 200"), tmp_path)).offsets
    seconds = [sum(begin <= offset < begin + 1 for offset in offsets) for begin in range(11)]
    assert seconds[0] == 50
    assert seconds[1:] == sorted(seconds[1:])
    assert sum(seconds[1:]) == pytest.approx(1250, abs=1)


def test_steps_share_the_measured_time(tmp_path: Path) -> None:
    shaped = scenario(tmp_path, 'steps = [50, 100]\narrivals = "poisson"')
    made = plan(shaped, tmp_path)
    assert (made.rate, made.steps, made.arrivals) == (0, (50, 100), "poisson")
    assert (shaped.load.rate(30), shaped.load.highest(30)) == (50, 100)


def test_a_traces_times_are_kept_and_it_is_played_to_its_end(tmp_path: Path) -> None:
    shaped = scenario(tmp_path, trace(tmp_path))
    made = plan(shaped, tmp_path)
    assert shaped.measured_seconds(60) == made.seconds == 4, "3 s and the gap after the last order"
    recorded = read_recorded(Path(made.recorded))
    assert list(recorded.offsets) == [0, 0.5, 0.5, 1, 1.5, 1.5, 4], (
        "the warm-up has its first second, from its order on"
    )
    assert list(recorded.products)[3:] == [7, 8, 7, 9]
    assert list(recorded.quantities)[3:] == [3, 1, 2, 1]
    assert recorded.customers[3:] == ["ann", "bob", "ann", "eve"]


def test_a_trace_can_be_played_faster_and_of_other_products(tmp_path: Path) -> None:
    made = plan(scenario(tmp_path, trace(tmp_path) + "\nspeed = 2\nproducts = [1, 2]"), tmp_path)
    recorded = read_recorded(Path(made.recorded))
    assert made.seconds == 2
    assert list(recorded.offsets)[-4:] == [1, 1.25, 1.25, 2.5]
    assert list(recorded.products)[-4:] == [2, 1, 2, 2], "the same product is the same one each time"


def test_a_day_of_the_real_year_is_played_whole(tmp_path: Path) -> None:
    made = plan(chosen(["recorded-day"])["recorded-day"], tmp_path)
    recorded = read_recorded(Path(made.recorded))
    assert made.seconds == 48
    assert sum(offset >= 1 for offset in recorded.offsets) == 4879
    assert set(recorded.products) == {1, 2, 3, 4, 5}
    assert recorded.offsets[-1] - 1 == pytest.approx((23 * 3600 + 50 * 60 + 12) / 1800), "00:05:33 to 23:55:45"
    assert max(recorded.offsets.count(offset) for offset in set(recorded.offsets)) > 50, "a basket at one moment"


def test_orders_for_a_shop_of_others_say_product_and_quantity_alone(tmp_path: Path) -> None:
    orders = Orders(plan(scenario(tmp_path, trace(tmp_path)), tmp_path, bare=True))
    assert orders.body(6) == b'{"productId":9,"quantity":1}'


@pytest.mark.parametrize(
    ("load", "rest", "said"),
    [
        ("ramp_to = 9\nsteps = [1, 2]", "", "give one of ramp_to, ramp_factor, steps, trace, not ramp_to and steps"),
        ("ramp_to = 9\nramp_factor = 2", "", "not ramp_to and ramp_factor"),
        ("steps = [1, 2]\ntrace = 'day.csv'", "", "not steps and trace"),
        ("kind = 'closed'\nramp_to = 9", "", "a closed load has no rate: leave ramp_to out"),
        ("kind = 'closed'\ntrace = 'day.csv'", "", "a closed load has no rate: leave trace out"),
        ("kind = 'closed'\narrivals = 'poisson'", "", "a closed load has no rate: leave arrivals out"),
        ("steps = [1, 2]\nrate_factor = 2", "", "steps are all the rates there are: leave rate_factor out"),
        ("steps = [1]", "", "load.steps: "),
        ("steps = [1, 0]", "", "load.steps.2: input should be greater than 0, not 0"),
        ("ramp_to = inf", "", "load.ramp_to: input should be a finite number"),
        ("arrivals = 'burst'", "", "load.arrivals: input should be 'constant' or 'poisson', not 'burst'"),
        ("speed = 2", "", "speed without a trace: leave it out, or say which trace is played"),
        ("trace = 'day.csv'\norders_per_second = 3", "", "times of its own: leave orders_per_second out; speed makes"),
        ("trace = 'none.csv'", "", "none.csv cannot be read: No such file or directory; it is a file, seen from"),
        ("trace = 'mine.toml'", "", "mine.toml is no trace: "),
        ("trace = 'day.csv'\nday = 2017-06-03", "", "day is for completejourney alone: leave it out"),
        ("trace = 'day.csv'\nspeed = 0.0001", "", "takes 40,000 s, and a round at most 3,600: give it a higher speed"),
        ("trace = 'completejourney'", "", "needs day and speed, for example day = 2017-06-03 and speed = 1800"),
        ("trace = 'completejourney'\nday = 2018-06-03\nspeed = 9", "", "is the year 2017: there is no 2018-06-03"),
        ("trace = 'completejourney'\nday = 2017-06-03\nspeed = 1", "", "a day takes 86,400 s"),
        ("trace = 'day.csv'\nspeed = 2", KILL, "a fault at 2 s needs a measured time beyond it: the trace takes 2 s"),
        ("ramp_to = 9", CRASH, "a crash comes after a number of orders at one rate: leave the ramp, steps or trace"),
    ],
)
def test_what_makes_no_sense_is_told_what_would_be_right(tmp_path: Path, load: str, rest: str, said: str) -> None:
    trace(tmp_path)
    with pytest.raises(ShopError) as refused:
        scenario(tmp_path, load, rest)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("arrivals", "said"),
    [
        ([], "has no two orders at different times"),
        ([Arrival(1, 2, 1, "a"), Arrival(1, 2, 1, "b")], "has no two orders at different times"),
        ([Arrival(1, 2, 1, "a"), Arrival(0, 2, 1, "b")], "offsets ascend; sort its lines by them"),
        ([Arrival(1, 2, 1, "a"), Arrival(float("nan"), 2, 1, "b")], "offsets are finite numbers of seconds"),
        ([Arrival(1, 0, 1, "a"), Arrival(2, 2, 1, "b")], "products have numbers from 1 on"),
        ([Arrival(1, 2, 0, "a"), Arrival(2, 2, 1, "b")], "quantities are 1 to 1,000,000"),
    ],
)
def test_a_file_that_is_no_trace_is_told_what_one_is(tmp_path: Path, arrivals: list[Arrival], said: str) -> None:
    line = trace(tmp_path, arrivals)
    with pytest.raises(ShopError, match=said):
        scenario(tmp_path, line)


def test_a_trace_needs_no_least_seconds(tmp_path: Path) -> None:
    trace(tmp_path)
    (tmp_path / "mine.toml").write_text(f"{HEAD}least_seconds = 9\n[load]\ntrace = 'day.csv'\n")
    with pytest.raises(ShopError, match="a trace is played to its end: leave least_seconds out"):
        chosen([str(tmp_path / "mine.toml")])


def test_a_rate_that_no_generator_could_send_is_said_before_anything_starts(tmp_path: Path) -> None:
    scenario(tmp_path, "ramp_factor = 1000")
    with pytest.raises(ShopError, match="mine comes to 200,000 orders/s; there can be at most 100,000"):
        CompareSettings(scenarios=(str(tmp_path / "mine.toml"),), rate=200)


def test_without_the_data_set_the_real_day_is_not_among_all_scenarios(monkeypatch: pytest.MonkeyPatch) -> None:
    assert at_hand() == NAMES
    monkeypatch.setattr(dataset, "find_spec", lambda _: None)
    assert set(NAMES) - set(at_hand()) == {"recorded-day"}
    with pytest.raises(ShopError, match="the data set completejourney is not installed; install it"):
        chosen(["recorded-day"])


@pytest.mark.parametrize(
    ("load", "told"),
    [
        ("", "50 orders/s"),
        ("rate_factor = 3", "150 orders/s"),
        ("ramp_to = 12.5", "50 to 12.5 orders/s"),
        ("rate_factor = 2\nramp_factor = 4", "100 to 400 orders/s"),
        ("steps = [10, 50, 20]", "10, 50, 20 orders/s in turn"),
        ("trace = 'day.csv'", "the whole of day.csv"),
        ("trace = 'day.csv'\nspeed = 2", "the whole of day.csv, 2 times as fast"),
        (
            "trace = 'completejourney'\nday = 2017-06-03\nspeed = 1800",
            "the whole of completejourney, 2017-06-03, 1,800 times as fast",
        ),
    ],
)
def test_everybody_is_told_the_load_that_there_was(tmp_path: Path, load: str, told: str) -> None:
    trace(tmp_path)
    shaped = scenario(tmp_path, load)
    assert Planned("mine", "events", 2).told(shaped.load.told(50)) == f"mine, round 2: events, {told}"
    document = one_scenario(shaped)
    spread = "" if "trace" in load else " (constant)"
    text = told_conditions(document, lines(document))
    assert f"warm-up, {told}{spread}{' in mine' if load else ''}; " in text
    assert in_report(document) == f"{told} for 2 s{'' if 'trace' in load else ', constant'}"


def test_arrivals_of_its_own_are_told(tmp_path: Path) -> None:
    document = one_scenario(scenario(tmp_path, "arrivals = 'poisson'"))
    assert "50 orders/s (poisson) in mine" in told_conditions(document, lines(document))
    assert in_report(document) == "50 orders/s for 2 s, poisson"


async def test_a_shops_own_orders_become_a_trace(shop: Shop, tmp_path: Path) -> None:
    """By the statement on the page of scenarios."""
    page = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    (statement,) = re.findall(r"^COPY \((.+?)\) TO STDOUT", page, re.MULTILINE | re.DOTALL)
    await shop.run("orders", "UPDATE orders SET customer_id = 'ann', placed_at = '2026-12-01 10:00Z'")
    await shop.run("orders", "UPDATE orders SET placed_at = '2026-12-01 10:00:01.5Z' WHERE status = 'confirmed'")
    connection = await asyncpg.connect(shop.databases.orders)
    try:
        await connection.copy_from_query(statement, output=tmp_path / "day.csv", format="csv", header=True)
    finally:
        await connection.close()
    assert list(read_recorded(tmp_path / "day.csv").offsets) == [0, 0, 0, 1.5, 1.5]
    (tmp_path / "again.toml").write_text(f"{HEAD}[load]\ntrace = 'day.csv'\n")
    assert chosen([str(tmp_path / "again.toml")])["again"].measured_seconds(10) == pytest.approx(1.875)


def one_scenario(shaped: Scenario) -> dict[str, Any]:
    document = several(2, 10, 40)
    for one in document["rounds"]:
        one["scenario"] = "mine"
        one["load"]["seconds"] = 2.0
    return document | {"scenarios": {"mine": shaped.model_dump(mode="json")}}


def in_report(document: dict[str, Any]) -> str:
    found = Comparison.of(document)
    return load(found, found.places[0])
