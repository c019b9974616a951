"""Three sizes of a comparison: a look, what one runs before believing anything, and everything."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from kit.settings import Wiring
from lab.comparing.external import External
from lab.comparing.scenarios import at_hand
from lab.comparing.settings import CompareSettings
from lab.comparing.turns import expected
from lab.running.layout import WIRINGS

STARTING = 15.0
"""Seconds until Kafka, PostgreSQL and the databases of the rounds are there."""

_OUTAGE = ("healthy", "products-down")

QUICK = CompareSettings(scenarios=_OUTAGE, rounds=1, seconds=5.0, warmup_seconds=1.0, fault_seconds=3.0)
"""About a minute: one round each, so nothing is said about which differences are noise."""

USUAL = CompareSettings(scenarios=_OUTAGE, rounds=5, seconds=10.0, warmup_seconds=3.0)
"""About ten minutes: five rounds each, from which on differences are tested."""

FULL = replace(USUAL, wirings=cast(tuple[Wiring, ...], WIRINGS), scenarios=at_hand())
"""Hours: every scenario that can be run here, every wiring."""


def settings_for(preset: CompareSettings, given: Mapping[str, Any]) -> CompareSettings:
    """The preset with what was asked for by name; None stands for what was not. Raises ShopError."""
    return replace(preset, **{name: value for name, value in given.items() if value is not None})


def estimate(settings: CompareSettings, outside: External | None = None) -> float:
    """Seconds that the whole of it takes, about. Raises ShopError."""
    return STARTING + sum(expected(settings, outside))
