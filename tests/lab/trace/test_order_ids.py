"""The ids of the history's orders."""

from itertools import pairwise

from kit.ids import lowest_id, new_id
from lab.trace.lines import Trace
from lab.trace.order_ids import AFTER, line_number, order_id


def test_ids_ascend_as_the_lines_do_and_tell_their_numbers() -> None:
    lines = list(Trace.read(20_000))
    ids = [order_id(line) for line in lines]
    assert all(a < b for a, b in pairwise(ids))
    assert [line_number(id) for id in ids] == [line.number for line in lines]


def test_an_id_is_a_uuid_of_the_business_time_and_always_the_same() -> None:
    (line,) = Trace.read(1).slice(0, 1)
    id = order_id(line)
    assert (id.version, id.variant) == (7, "specified in RFC 4122")
    assert id.int >> 80 == line.at.timestamp() * 1000
    assert str(id) == str(order_id(line))


def test_every_order_of_the_history_comes_before_every_order_of_today() -> None:
    year = Trace.read()
    (last,) = year.slice(len(year) - 1, len(year))
    assert order_id(last) < lowest_id(AFTER) < new_id()
    assert last.number < 1 << 24, "a line's number fits into its place"
