"""What is done to a round's shop while it is under load, and always undone."""

from lab.comparing.faults.hit import Hit, Stage
from lab.comparing.faults.striking import absent, strike

__all__ = ["Hit", "Stage", "absent", "strike"]
