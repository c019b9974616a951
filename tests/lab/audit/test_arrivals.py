"""When a shop is under load, seen from its newest order alone."""

from lab.audit.arrivals import Arrivals


def looks(newest_by_tenth: list[int]) -> list[bool]:
    """Whether it was live at each look, ten looks a second."""
    arrivals, live = Arrivals(), []
    for tenth, newest in enumerate(newest_by_tenth):
        arrivals.note(newest, tenth / 10)
        live.append(arrivals.go_on(tenth / 10))
    return live


def test_steady_arrivals_are_live_after_three_seconds() -> None:
    live = looks(list(range(50)))
    assert live.index(True) == 31, "the first look only says what was there before"
    assert all(live[31:])


def test_five_orders_in_two_seconds_are_steady_enough() -> None:
    assert looks([tenth // 4 for tenth in range(50)])[-1]


def test_one_order_at_the_start_and_then_silence_is_not_live() -> None:
    assert not any(looks([1, 2] + [2] * 60))


def test_a_shop_that_nobody_orders_in_is_not_live() -> None:
    assert not any(looks([7] * 60))


def test_a_load_that_ended_is_not_live_a_second_later() -> None:
    live = looks([*range(40)] + [39] * 20)
    assert live[39 + 9]
    assert not any(live[39 + 10 :])


def test_two_orders_far_apart_are_no_load() -> None:
    assert not any(looks([1] + [2] * 40 + [3] * 5))
