"""One order on its way to the shop and back."""

from collections.abc import Callable
from typing import Protocol

Over = Callable[[int, str], None]
"""Is told the HTTP status, ``NO_ANSWER`` or ``NOT_SENT``, and the answer's ``Location``, empty where there is none."""


class Abandoned(Protocol):
    """What carries an exchange, or is about to: a connection, or the attempt to make one."""

    def abandon(self) -> None: ...


class Exchange:
    """``over`` is called once, whatever comes after. ``give_up_at`` is a time of ``time.perf_counter``; ``carrier`` is
    told when nobody waits for the answer any more; ``sent``: the request has been handed to the network."""

    __slots__ = ("carrier", "give_up_at", "over", "request", "sent")

    def __init__(self, request: bytes, give_up_at: float, over: Over) -> None:
        self.request = request
        self.give_up_at = give_up_at
        self.over: Over | None = over
        self.carrier: Abandoned | None = None
        self.sent = False

    def end(self, status: int, location: str = "") -> None:
        over, self.over, self.carrier = self.over, None, None
        if over is not None:
            over(status, location)
