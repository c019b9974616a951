"""The rest of a three-phase transaction, as one participant reaches it."""

from typing import Any
from uuid import UUID

from calls.client import Peer
from calls.errors import PeerError
from kit.three_phase.routes import PREFIX
from kit.three_phase.states import FINAL, State


class OthersByHttp:
    """``kit.three_phase.Others``: the other participant and the coordinator, asked over HTTP."""

    def __init__(self, other: Peer, coordinator: Peer) -> None:
        self._other = other
        self._coordinator = coordinator

    async def ask(self, order_id: UUID, own: State) -> State | None:
        """None also for an answer that cannot be understood."""
        try:
            return _state(await self._other.post(f"{PREFIX}/{order_id}/ask", {"state": own}))
        except PeerError:
            return None

    async def coordinator(self, order_id: UUID) -> State | None:
        try:
            said = _state(await self._coordinator.get(f"/coordinator/three-phase/{order_id}"))
        except PeerError:
            return None
        return said if said in FINAL else None


def _state(said: dict[str, Any]) -> State | None:
    try:
        return State(str(said.get("state")))
    except ValueError:
        return None
