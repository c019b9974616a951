"""What can go wrong when one service asks another."""

from collections.abc import Mapping
from typing import Any


class PeerError(Exception):
    """A call that brought no usable answer.

    PeerError
    ├── PeerUnavailable   no connection, or it broke before the whole answer was there; the work may have been done
    │   └── PeerCutOff    not asked at all: its circuit is open, or too many calls to it are under way already
    ├── PeerTimeout       the deadline passed first; the work may have been done, or still be under way
    ├── PeerRefused       a 4xx: the peer understood and said no; ``status`` and ``problem`` say why
    └── PeerFailed        a 5xx, or an answer that is not what the peer's routes promise

    ``peer`` is the base URL that was called.
    """

    def __init__(self, peer: str, message: str) -> None:
        super().__init__(f"{peer}: {message}")
        self.peer = peer


class PeerUnavailable(PeerError):
    pass


class PeerCutOff(PeerUnavailable):
    """``retry_after``: seconds until asking may make sense again, None when nobody knows."""

    def __init__(self, peer: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(peer, message)
        self.retry_after = retry_after


class PeerTimeout(PeerError):
    pass


class _Answered(PeerError):
    """``problem`` is the body's problem object (RFC 9457), empty when the body was something else."""

    def __init__(self, peer: str, status: int, problem: Mapping[str, Any], note: str = "") -> None:
        reason = note or str(problem.get("detail") or problem.get("title") or "no reason given")
        super().__init__(peer, f"{status} {reason[:300]}")
        self.status = status
        self.problem = problem

    @property
    def kind(self) -> str:
        """The problem's type without its prefix, for example ``out-of-stock``; empty when there is none."""
        return str(self.problem.get("type", "")).rpartition(":")[2]

    @property
    def detail(self) -> str:
        """What the peer told people, or this error as text."""
        return str(self.problem.get("detail") or self)


class PeerRefused(_Answered):
    pass


class PeerFailed(_Answered):
    pass
