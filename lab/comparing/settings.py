"""What is compared, and how: the knobs of ``shop compare``."""

import math
from dataclasses import dataclass

from kit.settings import Wiring
from lab.comparing.scenarios import Scenario, chosen, shortened
from lab.running.errors import ShopError
from lab.running.layout import WIRINGS

ARRIVALS = ("constant", "poisson")
_MOST = 100_000


@dataclass(frozen=True)
class CompareSettings:
    """Each round sends ``warmup_seconds + seconds`` of orders at ``rate`` a second, unless its scenario says otherwise;
    in a closed load as many at a time as ``concurrencies`` say. ``scenarios`` are names, or files (see
    ``lab.comparing.scenarios``); ``fault_seconds`` is how long faults last instead of what these say. From two rounds
    on every wiring is warmed up for ``warming_seconds`` by a round that is not kept.
    ``quiet_deadline`` is how long the audit waits for a round to come to rest. ``hold_transaction``: the chain keeps
    its transaction open through its calls, as the original lab did. Raises ShopError, which says what is right."""

    wirings: tuple[Wiring, ...] = ("events", "chain")
    scenarios: tuple[str, ...] = ("healthy",)
    rate: float = 50.0
    seconds: float = 20.0
    warmup_seconds: float = 3.0
    rounds: int = 3
    fault_seconds: float | None = None
    warming_seconds: float = 10.0
    concurrencies: tuple[int, ...] = (32, 128)
    arrivals: str = "constant"
    products: tuple[int, ...] = (1, 2, 3, 4, 5)
    quiet_deadline: float = 60.0
    hold_transaction: bool = False

    def __post_init__(self) -> None:
        _known("wiring", self.wirings, WIRINGS)
        if not self.concurrencies or min(self.concurrencies) < 1 or max(self.concurrencies) > 2000:
            raise ShopError("customers at a time are 1 to 2000")
        if self.rounds < 1:
            raise ShopError(f"rounds are 1 or more, not {self.rounds}")
        _known("kind of arrivals", (self.arrivals,), ARRIVALS)
        _number("rate", self.rate)
        _number("seconds", self.seconds)
        if self.fault_seconds is not None:
            _number("fault_seconds", self.fault_seconds)
        _number("warm-up seconds", self.warmup_seconds, zero=True)
        _number("warming_seconds", self.warming_seconds)
        _number("quiet_deadline", self.quiet_deadline, zero=True)
        for name, scenario in self.chosen().items():
            if (highest := scenario.load.highest(self.rate)) > _MOST:
                raise ShopError(f"{name} comes to {highest:,.0f} orders/s; there can be at most {_MOST:,}")
        if self.hold_transaction and "chain" not in self.wirings:
            raise ShopError("only the chain can hold its transaction: compare it, or leave --hold-transaction out")

    def chosen(self) -> dict[str, Scenario]:
        """The scenarios by name, read anew. Raises ShopError."""
        found = chosen(self.scenarios)
        if self.fault_seconds is None:
            return found
        return {name: shortened(scenario, self.fault_seconds) for name, scenario in found.items()}


def _known(what: str, given: tuple[str, ...], known: tuple[str, ...]) -> None:
    unknown = [name for name in given if name not in known]
    if unknown or not given:
        raise ShopError(f"there is no {what} {', '.join(unknown) or 'given'}; there are {', '.join(known)}")


def _number(what: str, given: float, *, zero: bool = False) -> None:
    """A positive number, or zero where that is allowed; neither infinite nor NaN."""
    if not math.isfinite(given) or given > _MOST or given < 0 or (given == 0 and not zero):
        least = "0 or more" if zero else "more than 0"
        raise ShopError(f"{what}: {least}, and at most {_MOST:,}, not {given:g}")
