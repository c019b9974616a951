"""The states of a participant in three-phase commit, and the rules by which a transaction ends without its coordinator.

After can-commit a participant is ``ready``: it has promised that it can commit. After pre-commit it is
``pre_committed``: it knows that everybody has promised. Both wait for the coordinator, but not for ever. The rules look
only at states, so they are pure.
"""

from collections.abc import Iterable
from enum import StrEnum


class State(StrEnum):
    READY = "ready"
    PRE_COMMITTED = "pre_committed"
    COMMITTED = "committed"
    ABORTED = "aborted"


FINAL = frozenset({State.COMMITTED, State.ABORTED})


def outcome(known: Iterable[State | None]) -> State:
    """How a transaction ends, from the states that could be found out, one's own among them (None: nobody answers, or
    it was never asked): aborted if anyone has aborted; else committed if anyone has pre-committed or committed; else
    aborted.

    Sound as long as whoever does not answer has stopped. If it is only cut off, it may be following this rule by itself
    with other states in its hands, and find the other outcome: three-phase commit does not stand a partition.
    """
    states = set(known)
    if State.ABORTED in states:
        return State.ABORTED
    if states & {State.PRE_COMMITTED, State.COMMITTED}:
        return State.COMMITTED
    return State.ABORTED


def by_time_out(own: State) -> State:
    """The older rule, without asking: who was not told to pre-commit aborts, who was commits. Participants that the
    coordinator has left in different states go different ways."""
    return State.COMMITTED if own is State.PRE_COMMITTED else State.ABORTED


def when_asked(own: State | None, asker: State) -> State:
    """What a participant becomes when another one, whose own time is out, asks it (None: it was never asked to commit).

    The answer binds: the asker decides by it, so the two must not be led apart by a message that is still on its way.
    Two that are ready abort, both; one that is ready learns from one that has pre-committed.
    """
    if own is None:
        return State.ABORTED
    if own is State.READY:
        return State.PRE_COMMITTED if asker is State.PRE_COMMITTED else State.ABORTED
    return own
