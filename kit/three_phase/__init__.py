"""Three-phase commit, as far as it is the same in every participant: durable states, time-outs, termination."""

from kit.three_phase.participant import CRASH_POINTS, Effects, Participant
from kit.three_phase.routes import router
from kit.three_phase.states import State, outcome
from kit.three_phase.termination import Others, Termination

__all__ = ["CRASH_POINTS", "Effects", "Others", "Participant", "State", "Termination", "outcome", "router"]
