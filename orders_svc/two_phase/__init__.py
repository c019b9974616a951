"""orders as the coordinator of two-phase commit: what it decides is in its log before anybody is told."""

from orders_svc.two_phase.coordinator import CRASH_POINTS, Coordinator, Transaction
from orders_svc.two_phase.decision_log import DecisionLog

__all__ = ["CRASH_POINTS", "Coordinator", "DecisionLog", "Transaction"]
