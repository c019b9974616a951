"""Asking the coordinator of two-phase commit what it has decided, as a participant in doubt does."""

from uuid import UUID

from calls.client import Peer
from calls.errors import PeerError


class Coordinator:
    """The service that decides."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def decision(self, transaction_id: UUID) -> bool | None:
        """Whether to commit; None when there is no answer, or none that can be understood. By presumed abort a
        transaction that was not decided yet is aborted by this question."""
        try:
            said = await self._peer.post(f"/coordinator/transactions/{transaction_id}/decision")
        except PeerError:
            return None
        return {"commit": True, "abort": False}.get(str(said.get("decision")))
