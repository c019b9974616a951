"""What to send, when, and where the answers are written."""

import math
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson


class PlanError(ValueError):
    """A plan that cannot be carried out; ``str()`` says which field and why."""


@dataclass(frozen=True)
class LoadPlan:
    """Orders for one shop.

    ``rate`` (orders/s) and ``seconds`` make the schedule; ``warmup_seconds`` of it come first and are not measured.
    With ``ramp_to`` the rate goes evenly from ``rate`` to that; ``steps`` instead of a rate are several, one after the
    other, which share the seconds equally. ``concurrency`` instead of a rate makes a closed loop, which finds out how
    much goes through and measures no latency that an open loop would. ``run`` names this run: order *i* is placed by
    customer ``<run>-<i>``, so that even an order without an answer can be found in the database. ``products`` are
    ordered in turn.

    ``recorded`` instead of all that names a file (``lab.load.recorded``) that says when each order is due, for what,
    and by which customer; ``<run>-<i>`` is the order's address then. ``seconds`` must be its length.
    """

    url: str
    run: str
    records: str
    rate: float = 0.0
    ramp_to: float = 0.0
    steps: tuple[float, ...] = ()
    seconds: float = 10.0
    warmup_seconds: float = 0.0
    arrivals: Literal["constant", "poisson"] = "constant"
    seed: int = 1
    concurrency: int = 0
    recorded: str = ""
    products: tuple[int, ...] = (2,)
    quantity: int = 1
    bare: bool = False
    """Orders say no more than product and quantity, as the original lab's do; they carry no mark, so their records have
    the ``Location`` that they were answered with."""
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
        rates = (self.rate, self.ramp_to, *self.steps)
        times = (self.seconds, self.warmup_seconds, self.timeout_seconds, self.late_limit_ms, self.start_at or 0.0)
        if not all(map(math.isfinite, (*rates, *times))):
            raise PlanError("rate, seconds and all other numbers must be finite")
        if (self.rate > 0) + bool(self.steps) + (self.concurrency > 0) + bool(self.recorded) != 1:
            raise PlanError("give one of: a rate, steps or recorded orders (open loop), a concurrency (closed loop)")
        if self.ramp_to < 0 or (self.ramp_to and not self.rate) or any(step <= 0 for step in self.steps):
            raise PlanError("a ramp goes from a rate to another, and steps are rates: all of them more than 0 a second")
        if max(rates) > 100_000 or self.concurrency > self.connections:
            raise PlanError("rate is at most 100,000 a second, concurrency at most the number of connections")
        if self.seconds <= 0 or self.warmup_seconds < 0 or self.timeout_seconds <= 0:
            raise PlanError("seconds and timeout_seconds must be positive, warmup_seconds not negative")
        if self.arrivals not in ("constant", "poisson"):
            raise PlanError(f"arrivals are 'constant' or 'poisson', not {self.arrivals!r}")
        if not is_address(self.url):
            raise PlanError(f"the address of orders begins with http:// or https:// and names a host, not {self.url!r}")
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
            lists = {"products": (2,), "steps": (), "traced": ()}
            return cls(**{**fields, **{name: tuple(fields.get(name, usual)) for name, usual in lists.items()}})
        except (orjson.JSONDecodeError, TypeError, AttributeError) as error:
            raise PlanError(f"not a load plan: {error}") from error


def is_address(url: str) -> bool:
    """Whether it is of http or https and names a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
