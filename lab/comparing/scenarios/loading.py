"""Scenarios from files: those that come along, and anybody's own."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from lab.comparing.scenarios.load_shape import FOLDER
from lab.comparing.scenarios.scenario import Scenario, in_words
from lab.running.errors import ShopError
from lab.trace import dataset

_FOLDER = Path(__file__).parent
NAMES: tuple[str, ...] = (
    "healthy",
    "products-slow",
    "products-down",
    "delivery-down",
    "orders-worker-down",
    "products-hang",
    "delivery-hang",
    "orders-worker-hang",
    "kafka-down",
    "postgres-down",
    "overload",
    "ramp",
    "recorded-day",
    "hot-product",
    "price-storm",
    "bad-deploy",
    "coordinator-killed",
    "saturation",
)
"""Those that come along, in the order in which they are told."""
_OF_THE_REAL_YEAR = ("recorded-day",)


def at_hand() -> tuple[str, ...]:
    """Those that come along and can be run here: without the data set of real orders that is not all of them."""
    try:
        dataset.check()
    except dataset.TraceMissing:
        return tuple(name for name in NAMES if name not in _OF_THE_REAL_YEAR)
    return NAMES


def chosen(given: Iterable[str]) -> dict[str, Scenario]:
    """By name. What ends in ``.toml`` is a file of one's own, whose name is the scenario's. Raises ShopError, which
    says what was wrong and what would be right."""
    found: dict[str, Scenario] = {}
    for one in given:
        name, scenario = _own(Path(one)) if one.endswith(".toml") else (one, _ours(one))
        if name in found:
            raise ShopError(f"two scenarios are called {name}; rename one of them")
        found[name] = scenario
    if not found:
        raise ShopError(f"there is no scenario given; there are {', '.join(NAMES)}")
    return found


def shortened(scenario: Scenario, seconds: float) -> Scenario:
    """The scenario with faults that last for so long, and measured for proportionately less, or more."""
    longest = max((fault.seconds for fault in scenario.faults), default=None)
    if longest is None:
        return scenario
    return scenario.model_copy(
        update={
            "faults": tuple(fault.model_copy(update={"seconds": seconds}) for fault in scenario.faults),
            "least_seconds": max(scenario.least_seconds * seconds / longest, 1.0),
        }
    )


def _ours(name: str) -> Scenario:
    if name not in NAMES:
        raise ShopError(
            f"there is no scenario {name}; there are {', '.join(NAMES)}, and files of your own that end in .toml"
        )
    return _read(_FOLDER / f"{name}.toml")


def _own(path: Path) -> tuple[str, Scenario]:
    if path.stem in NAMES:
        raise ShopError(f"{path}: {path.stem} is the name of a scenario that comes along; give the file another name")
    return path.stem, _read(path)


def _read(path: Path) -> Scenario:
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        return Scenario.model_validate(told, context={FOLDER: path.parent})
    except OSError as error:
        raise ShopError(f"the scenario {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ShopError(f"{path} is no TOML: {error}") from None
    except ValidationError as error:
        raise ShopError(f"{path}: {in_words(error)}; docs/scenarios.md shows what a scenario may say") from None
