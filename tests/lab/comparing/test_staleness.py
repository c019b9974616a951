"""How long the copy showed the old state, out of constructed changes and of what a worker writes."""

from pathlib import Path

import orjson
import pytest

from lab.comparing.staleness import copied, figures

BEGIN = 1_000_000.0


def test_each_change_counts_from_when_it_was_made_until_the_copy_showed_it() -> None:
    found = figures([(BEGIN + n, BEGIN + n + (0.010 if n < 99 else 3.0)) for n in range(100)], BEGIN)
    assert found is not None
    assert found["changes"] == 100
    assert found["p50"] == pytest.approx(10, rel=0.01)
    assert found["p99"] == pytest.approx(10, rel=0.01)
    assert found["max"] == pytest.approx(3000, rel=0.01)


def test_changes_of_the_warm_up_do_not_count() -> None:
    found = figures([(BEGIN - 1, BEGIN + 5), (BEGIN + 1, BEGIN + 1.02)], BEGIN)
    assert found is not None
    assert (found["changes"], found["max"]) == (1, pytest.approx(20, rel=0.01))


def test_where_nothing_changed_there_is_no_staleness() -> None:
    assert figures([], BEGIN) is None


def test_the_workers_lines_have_one_commit_for_many_changes(tmp_path: Path) -> None:
    file = tmp_path / "spans.jsonl"
    line = {"who": "product-copy", "kind": "copied", "at": 12.5, "changes": [["1", 7, 12.0], ["2", 9, 12.25]]}
    other = {**line, "who": "sales"}
    file.write_bytes(b"\n".join([orjson.dumps(line), orjson.dumps(other), orjson.dumps(line)[:-7]]))
    assert list(copied(file)) == [(12.0, 12.5), (12.25, 12.5)]
    assert list(copied(tmp_path / "none")) == []
