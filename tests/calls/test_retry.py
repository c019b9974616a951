"""A call that brought no answer is made again: where that is harmless, later and later, and not too often."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.errors import PeerCutOff, PeerError, PeerTimeout, PeerUnavailable
from calls.retry import Budget, Patience, Retry
from calls.transport import Response
from tests.calls.script import ASKED, AWAY, OK, ONCE, SLOW, Clock, Script, answer


def retry(script: Script, clock: Clock, budget: Budget | None = None, **patience: float) -> Retry:
    told = Patience(**({"attempts": 3, "pause": 0.1, "longest_pause": 1.0} | patience))  # type: ignore[arg-type]
    return Retry(script, "peer", told, budget or Budget(burst=1000), now=clock, sleep=clock.sleep)


@pytest.mark.parametrize("nothing", [AWAY, SLOW, answer(502), answer(503), answer(504)], ids=repr)
async def test_no_answer_is_asked_for_again(nothing: Response | PeerError) -> None:
    clock, script = Clock(), Script([nothing, nothing, OK])
    assert await retry(script, clock).send(ASKED) == OK
    assert len(script.sent) == 3
    assert len(clock.slept) == 2


@pytest.mark.parametrize("status", [200, 201, 302, 400, 404, 409, 422, 500])
async def test_an_answer_is_an_answer(status: int) -> None:
    clock, script = Clock(), Script([answer(status)])
    assert await retry(script, clock).send(ASKED) == answer(status)
    assert (len(script.sent), clock.slept) == (1, [])


async def test_what_must_not_be_done_twice_is_not_asked_for_twice() -> None:
    clock, script = Clock(), Script([AWAY, OK])
    with pytest.raises(PeerUnavailable):
        await retry(script, clock).send(ONCE)
    assert len(script.sent) == 1


async def test_a_link_that_is_cut_off_is_not_asked_again() -> None:
    clock, script = Clock(), Script([PeerCutOff("peer", "its circuit is open"), OK])
    with pytest.raises(PeerCutOff):
        await retry(script, clock).send(ASKED)
    assert len(script.sent) == 1


async def test_after_the_last_attempt_the_caller_gets_what_it_brought() -> None:
    clock, script = Clock(), Script([AWAY, answer(503), SLOW, OK])
    with pytest.raises(PeerTimeout):
        await retry(script, clock).send(ASKED)
    assert len(script.sent) == 3
    again = Script([AWAY, AWAY, answer(504), OK])
    assert await retry(again, clock).send(ASKED) == answer(504)


async def test_pauses_are_anywhere_between_nothing_and_a_bound_that_doubles() -> None:
    """Full jitter: callers that failed at the same moment do not come back at the same moment."""
    clock, pauses = Clock(), []
    for _ in range(200):
        script = Script([AWAY])
        clock.slept.clear()
        with pytest.raises(PeerUnavailable):
            await retry(script, clock, attempts=5, longest_pause=0.3).send(replace(ASKED, deadline=1e9))
        pauses.append(tuple(clock.slept))
    for nth, bound in enumerate((0.1, 0.2, 0.3, 0.3)):
        seen = [pause[nth] for pause in pauses]
        assert 0 <= min(seen) < bound * 0.1
        assert bound * 0.9 < max(seen) <= bound


async def test_nobody_pauses_past_the_deadline() -> None:
    clock, script = Clock(), Script([AWAY])
    with pytest.raises(PeerUnavailable):
        await retry(script, clock, attempts=10).send(replace(ASKED, deadline=1e-9))
    assert (len(script.sent), clock.slept) == (1, [])


async def test_attempts_that_use_the_time_up_are_the_last_ones() -> None:
    clock = Clock()
    script = Script([SLOW], clock, takes=2.0)
    with pytest.raises(PeerTimeout):
        await retry(script, clock, attempts=10).send(replace(ASKED, deadline=3.0))
    assert len(script.sent) == 2


async def test_in_the_long_run_repetitions_are_a_share_of_the_calls() -> None:
    clock, script = Clock(), Script([AWAY])
    retrying = retry(script, clock, Budget(share=0.2, burst=10))
    for _ in range(1000):
        with pytest.raises(PeerUnavailable):
            await retrying.send(replace(ASKED, deadline=1e9))
    assert 1000 + 200 <= len(script.sent) <= 1000 + 200 + 10


@given(st.floats(0, 1), st.floats(0, 50), st.lists(st.booleans(), max_size=300))
def test_the_budget_never_lends(share: float, burst: float, steps: list[bool]) -> None:
    budget, earned, spent = Budget(share, burst), 0, 0
    for earning in steps:
        if earning:
            budget.earn()
            earned += 1
        else:
            spent += budget.spend()
        assert spent <= burst + earned * share + 1e-6


async def test_closing_closes_what_is_inside() -> None:
    script = Script()
    await retry(script, Clock()).close()
    assert script.closed
