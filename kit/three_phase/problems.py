"""What a participant in three-phase commit answers when it cannot do what it is asked."""

from uuid import UUID

from kit.problems import Problem
from kit.three_phase.states import State


def unknown_transaction(order_id: UUID) -> Problem:
    detail = f"nobody has asked here whether order {order_id} can be committed"
    return Problem(404, "unknown-transaction", "Unknown transaction", detail, orderId=str(order_id))


def voted_already(order_id: UUID, state: State) -> Problem:
    detail = f"there was a vote about order {order_id} before; it is {_said(state)}, and stays so"
    return Problem(409, "voted-already", "There was a vote already", detail, orderId=str(order_id), state=state)


def out_of_turn(order_id: UUID, state: State, wanted: State) -> Problem:
    """409: the step does not lead from here; what is final stays."""
    kind = {State.COMMITTED: "committed-already", State.ABORTED: "aborted-already"}.get(state, "not-pre-committed")
    detail = f"order {order_id} is {_said(state)} here, it cannot become {_said(wanted)}"
    return Problem(409, kind, "That is not its next step", detail, orderId=str(order_id), state=state)


def _said(state: State) -> str:
    return state.replace("_", "-")
