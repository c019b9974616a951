"""Scenarios: what a round's shop is told, how it is loaded, and what is done to it meanwhile. One TOML file each."""

from lab.comparing.scenarios.load_shape import LoadShape
from lab.comparing.scenarios.loading import NAMES, at_hand, chosen, shortened
from lab.comparing.scenarios.scenario import Fault, Scenario

__all__ = ["NAMES", "Fault", "LoadShape", "Scenario", "at_hand", "chosen", "shortened"]
