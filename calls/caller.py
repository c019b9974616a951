"""Who waits for the work at hand, and for how long: what one call passes on to the next."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

from kit import trace_context

DEADLINE_HEADER = "X-Deadline-Ms"
TRACE_HEADER = "traceparent"
_LONGEST_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Caller:
    """``deadline`` is a point of ``time.monotonic()`` after which nobody waits any more (None: unknown);
    ``traceparent`` is the W3C trace the work belongs to."""

    deadline: float | None = None
    traceparent: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Caller":
        """The caller of an incoming request: ``X-Deadline-Ms`` (milliseconds left when sent) and ``traceparent``.

        ``headers`` must look names up without regard to case (Starlette's do). As W3C Trace Context asks for its own
        header, a value that cannot be read counts as absent: neither changes what is done, only how long it may take.
        """
        left, trace = headers.get(DEADLINE_HEADER, ""), headers.get(TRACE_HEADER, "")
        readable = left.isascii() and left.isdecimal() and len(left) <= 9
        return cls(
            deadline=monotonic() + min(int(left), _LONGEST_MS) / 1000 if readable else None,
            traceparent=trace if trace_context.valid(trace) else None,
        )
