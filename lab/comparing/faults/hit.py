"""What a fault can reach, and what is written down of it."""

from collections.abc import Callable
from dataclasses import dataclass

from lab.comparing.scenarios.scenario import Target
from lab.running.layout import Layout
from lab.supervision import Supervisor
from lab.supervision.state import Phase


@dataclass(frozen=True)
class Hit:
    """A fault as it really was: Unix times of its beginning and of when everything it had taken away was ready again.
    ``count``: how often something was done, where that is many times (prices)."""

    kind: str
    target: str
    began_at: float
    ended_at: float
    count: int | None = None


@dataclass(frozen=True)
class Stage:
    """The shop of a round. ``layout`` is how its processes are told to be once a fault is over. ``before_death`` is
    called right before a process is killed: what it used is not known afterwards. ``say`` hears what is being done."""

    supervisor: Supervisor
    layout: Layout
    before_death: Callable[[], None] = lambda: None
    say: Callable[[str], None] = lambda _: None

    def process(self, target: Target) -> str | None:
        """The name of the target's process; None where this shop has none that we may touch (a wiring without worker, a
        server of somebody else's)."""
        name = next(iter(self.layout.read_models), "") if target == "orders-worker" else target
        return name if any(state.name == name for state in self.supervisor.states) else None

    def phase(self, process: str) -> Phase:
        (phase,) = (state.phase for state in self.supervisor.states if state.name == process)
        return phase
