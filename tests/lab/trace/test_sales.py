"""The oracle: what the data set itself says was sold."""

from datetime import date

import pytest

from lab.trace.lines import Trace
from lab.trace.sales import Sale, expected_sales, total


def test_the_years_sales_are_those_of_its_lines_that_are_orders() -> None:
    sales = expected_sales()
    assert total(sales) == Sale(1_460_406, 152_923_067, 459_585_449)
    assert min(day for _, day in sales) == date(2017, 1, 1)
    assert max(day for _, day in sales) == date(2018, 1, 1), "the last night reaches into the new year, by UTC"


@pytest.mark.parametrize("limit", [1, 5000])
def test_the_oracle_says_what_adding_up_line_by_line_says(limit: int) -> None:
    added: dict[tuple[int, date], Sale] = {}
    for line in Trace.read(limit):
        key = (line.product, line.at.date())
        before = added.get(key, Sale(0, 0, 0))
        added[key] = Sale(before.orders + 1, before.units + line.quantity, before.revenue + line.amount)
    assert expected_sales(limit) == added
