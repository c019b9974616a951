"""What all parts of a scenario's file have in common."""

from pydantic import BaseModel, ConfigDict

LONGEST = 3600.0
"""Seconds that anything in a round may last."""


class Part(BaseModel):
    """Takes no entry that it does not know, and no value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
