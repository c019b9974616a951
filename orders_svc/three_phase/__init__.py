"""orders as the coordinator of three-phase commit: each of its states is on disk before anybody is told."""

from orders_svc.three_phase.coordination_log import CoordinationLog
from orders_svc.three_phase.coordinator import CRASH_POINTS, Coordinator

__all__ = ["CRASH_POINTS", "CoordinationLog", "Coordinator"]
