"""What always runs of a long list of cases, and what is left to ``make test-campaign``."""

from collections.abc import Sequence
from typing import Any

import pytest


def first_and_last(cases: Sequence[Any]) -> list[Any]:
    """The cases as parameters: the first and the last one always run, those between them in the campaign."""
    return [
        case if position in (0, len(cases) - 1) else pytest.param(*_values(case), marks=pytest.mark.campaign)
        for position, case in enumerate(cases)
    ]


def _values(case: Any) -> tuple[Any, ...]:
    return case if isinstance(case, tuple) else (case,)
