"""The documents of these tests are what comparisons write."""

from typing import Any

import pytest

from lab.comparing.differences import concluded
from lab.comparing.schema import Results, undocumented
from tests.lab.report.documents import capacities, document, old_format


@pytest.mark.parametrize(
    "made",
    [
        concluded(document(("events", "chain-breaker"), rounds=2, capacity=capacities())),
        document(rounds=1, stopped={"rounds_done": 4, "rounds_planned": 12}),
        old_format(document(rounds=1)),
    ],
    ids=["concluded", "stopped", "old"],
)
def test_they_are_of_the_documented_format(made: dict[str, Any]) -> None:
    assert list(undocumented(Results.model_validate(made))) == []
