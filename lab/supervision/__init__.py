"""Running processes: in order, watched, restarted, and none left behind."""

from lab.supervision.daemon import Announcer, start_detached, stop_detached
from lab.supervision.errors import AlreadyRunning, Interrupted, NotStopped, StartFailed, SupervisionError
from lab.supervision.home import Home
from lab.supervision.managed import BackOff
from lab.supervision.spec import Account, ProcessSpec
from lab.supervision.state import Phase, ProcessState, RunState, read_state
from lab.supervision.supervisor import Supervisor

__all__ = [
    "Account",
    "AlreadyRunning",
    "Announcer",
    "BackOff",
    "Home",
    "Interrupted",
    "NotStopped",
    "Phase",
    "ProcessSpec",
    "ProcessState",
    "RunState",
    "StartFailed",
    "SupervisionError",
    "Supervisor",
    "read_state",
    "start_detached",
    "stop_detached",
]
