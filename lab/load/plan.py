"""What to send, when, and where the answers are written."""

import math
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any, Literal

import orjson


class PlanError(ValueError):
    """A plan that cannot be carried out; ``str()`` says which field and why."""


@dataclass(frozen=True)
class LoadPlan:
    """Orders for one shop.

    ``rate`` (orders/s) and ``seconds`` make the schedule; ``warmup_seconds`` of it come first and are not measured.
    ``concurrency`` instead of a rate makes a closed loop, which finds out how much goes through and measures no
    latency that an open loop would. ``run`` names this run: order *i* is placed by customer ``<run>-<i>``, so that
    even an order without an answer can be found in the database. ``products`` are ordered in turn.

    ``recorded`` instead of both names a file (``lab.load.recorded``) that says when each order is due, for what, and by
    which customer; ``<run>-<i>`` is the order's address then. ``seconds`` must be its length.
    """

    url: str
    run: str
    records: str
    rate: float = 0.0
    seconds: float = 10.0
    warmup_seconds: float = 0.0
    arrivals: Literal["constant", "poisson"] = "constant"
    seed: int = 1
    concurrency: int = 0
    recorded: str = ""
    products: tuple[int, ...] = (2,)
    quantity: int = 1
    timeout_seconds: float = 15.0
    connections: int = 4000
    late_limit_ms: float = 50.0
    start_at: float | None = None
    """Unix time of the first order; None: at once."""
    traced: tuple[int, ...] = ()
    """Indexes of the orders that are sent with a sampled ``traceparent``; all others are sent without one."""
    progress_seconds: float = 0.0
    """How often the generator says on stderr how far it is; 0: never."""

    def __post_init__(self) -> None:
        numbers = (self.rate, self.seconds, self.warmup_seconds, self.timeout_seconds, self.late_limit_ms)
        if not all(map(math.isfinite, (*numbers, self.start_at or 0.0))):
            raise PlanError("rate, seconds and all other numbers must be finite")
        if (self.rate > 0) + (self.concurrency > 0) + bool(self.recorded) != 1:
            raise PlanError("give one of: a rate (open loop), recorded orders (open loop), a concurrency (closed loop)")
        if self.rate > 100_000 or self.concurrency > self.connections:
            raise PlanError("rate is at most 100,000 a second, concurrency at most the number of connections")
        if self.seconds <= 0 or self.warmup_seconds < 0 or self.timeout_seconds <= 0:
            raise PlanError("seconds and timeout_seconds must be positive, warmup_seconds not negative")
        if self.arrivals not in ("constant", "poisson"):
            raise PlanError(f"arrivals are 'constant' or 'poisson', not {self.arrivals!r}")
        if not self.products or self.quantity < 1:
            raise PlanError("there must be at least one product and a quantity of at least 1")

    def mark(self, index: int) -> str:
        """What tells an order of this run: its customer, or its address where customers are recorded ones."""
        return f"{self.run}-{index}"

    def traceparent(self, index: int) -> str:
        """What a traced order is sent with (W3C Trace Context, sampled): known before and after the run."""
        digest = blake2b(self.mark(index).encode(), digest_size=24).hexdigest()
        return f"00-{digest[:32]}-{digest[32:]}-01"

    @property
    def marked(self) -> str:
        """The column of orders' table that holds the mark."""
        return "address" if self.recorded else "customer_id"

    def to_json(self) -> bytes:
        return orjson.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: bytes) -> "LoadPlan":
        """Raises PlanError for anything that is not a plan."""
        try:
            fields: dict[str, Any] = orjson.loads(text)
            return cls(
                **{**fields, "products": tuple(fields.get("products", (2,))), "traced": tuple(fields.get("traced", ()))}
            )
        except (orjson.JSONDecodeError, TypeError, AttributeError) as error:
            raise PlanError(f"not a load plan: {error}") from error
