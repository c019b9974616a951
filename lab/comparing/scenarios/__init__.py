"""Scenarios: what a round's shop is told, how it is loaded, and what is done to it meanwhile. One TOML file each."""

from lab.comparing.scenarios.loading import NAMES, chosen, shortened
from lab.comparing.scenarios.scenario import Fault, LoadShape, Scenario

__all__ = ["NAMES", "Fault", "LoadShape", "Scenario", "chosen", "shortened"]
