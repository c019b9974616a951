"""Two-phase commit, as far as it is the same in every service: transactions prepared in its own database under a name,
finished by whoever asks for it over HTTP, and found again after a crash."""

from kit.two_phase.recovery import Recovery
from kit.two_phase.routes import router
from kit.two_phase.transactions import CRASH_POINTS, InDoubt, PreparedTransactions

__all__ = ["CRASH_POINTS", "InDoubt", "PreparedTransactions", "Recovery", "router"]
