"""The data set's products as the shop's catalogue."""

import pytest

from lab.trace.catalogue import SPARE, catalogue
from lab.trace.dataset import read
from lab.trace.lines import Trace
from products_svc.schemas import CatalogueEntry


@pytest.fixture(scope="module")
def entries() -> dict[int, CatalogueEntry]:
    return {entry.id: entry for entry in catalogue()}


def test_every_product_is_there_once_under_its_own_number(entries: dict[int, CatalogueEntry]) -> None:
    assert len(entries) == 92_331
    assert len({entry.name for entry in entries.values()}) == 92_331


def test_a_name_says_what_it_is(entries: dict[int, CatalogueEntry]) -> None:
    assert entries[25671].name == "ICE - CRUSHED/CUBED, 22 LB (National, 25671)"
    assert entries[26081].name == "MISCELLANEOUS (National, 26081)", "the data set knows no more of it"


def test_there_is_stock_for_more_than_the_year(entries: dict[int, CatalogueEntry]) -> None:
    units = Trace.read().units()
    assert all(entries[product].stock >= sold + SPARE for product, sold in units.items())


def test_a_price_is_one_that_the_product_was_sold_at(entries: dict[int, CatalogueEntry]) -> None:
    sold = read("transactions", ["product_id", "quantity", "sales_value"])
    for product in (1095275, 1041453, 1053875):
        lines = sold[(sold.product_id == product) & (sold.quantity > 0)]
        asked = {
            round(amount * 100) // pieces for amount, pieces in zip(lines.sales_value, lines.quantity, strict=True)
        }
        assert entries[product].price in asked
