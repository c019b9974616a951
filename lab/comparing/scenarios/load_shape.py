"""What a scenario's file may say of its load."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, ValidationInfo, model_validator

from lab.comparing.scenarios.load_words import told_load
from lab.comparing.scenarios.part import Part
from lab.comparing.scenarios.recordings import Recording, of_day, of_file
from lab.trace.dataset import NAMES, TraceMissing

FOLDER = "folder"
"""In the context of validation: where a trace's file is looked for."""

_Rate = Annotated[float, Field(gt=0, le=100_000)]
_BEGINS = ("rate_factor", "orders_per_second")
_RAMPS = ("ramp_to", "ramp_factor")
_SHAPES = (*_RAMPS, "steps", "trace")
_PLAYED = ("speed", "day")


class LoadShape(Part):
    """``open``: orders come at a rate, whatever the answers do: ``rate_factor`` times that of the command, or
    ``orders_per_second``; ``arrivals`` as here, or as the command says. Over the measured time the rate goes evenly
    ``ramp_to`` another one, or to ``ramp_factor`` times the first; ``steps`` are rates that share it equally.

    ``trace`` has recorded orders instead, at their own times made ``speed`` times faster: a file of
    ``lab.load.recorded``, or ``completejourney`` and a ``day`` of it. It is played to its end.

    ``closed``: so many customers at a time as the command says. ``products`` are ordered in turn (none: those of the
    command); what a trace ordered becomes one of them (none: a file's own, and of the real year the command's).
    """

    kind: Literal["open", "closed"] = "open"
    rate_factor: float = Field(default=1.0, gt=0, le=1000)
    orders_per_second: _Rate | None = None
    ramp_to: _Rate | None = None
    ramp_factor: float | None = Field(default=None, gt=0, le=1000)
    steps: tuple[_Rate, ...] | None = Field(default=None, min_length=2, strict=False)
    trace: str | None = Field(default=None, min_length=1)
    speed: float | None = Field(default=None, gt=0, le=1_000_000)
    day: date | None = None
    arrivals: Literal["constant", "poisson"] | None = None
    products: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(default=None, min_length=1, strict=False)
    _recording: Recording | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _says_one_load(self, info: ValidationInfo) -> Self:
        if self.kind == "closed" and (given := self._given(*_BEGINS, *_SHAPES, *_PLAYED, "arrivals")):
            raise ValueError(f"a closed load has no rate: leave {' and '.join(given)} out")
        if len(self._given(*_BEGINS)) == 2:
            raise ValueError("give rate_factor or orders_per_second, not both")
        if len(given := self._given(*_SHAPES)) > 1:
            raise ValueError(f"give one of {', '.join(_SHAPES)}, not {' and '.join(given)}")
        if self.steps and (given := self._given(*_BEGINS)):
            raise ValueError(f"steps are all the rates there are: leave {given[0]} out")
        if self.trace is None and (given := self._given(*_PLAYED)):
            raise ValueError(f"{' and '.join(given)} without a trace: leave it out, or say which trace is played")
        if self.trace is not None:
            if given := self._given(*_BEGINS, "arrivals"):
                raise ValueError(
                    f"a trace has times of its own: leave {' and '.join(given)} out; speed makes it faster"
                )
            self._recording = self._recorded(self.trace, (info.context or {}).get(FOLDER, Path()))
        return self

    @property
    def recording(self) -> Recording | None:
        """The trace's orders."""
        return self._recording

    def rates(self, usual: float) -> dict[str, Any]:
        """The fields of a LoadPlan that say how fast, where the command's rate is ``usual``; empty in a closed loop and
        for a trace."""
        if self.kind == "closed" or self.trace is not None:
            return {}
        if self.steps:
            return {"steps": self.steps}
        rate = self.orders_per_second or usual * self.rate_factor
        return {"rate": rate, "ramp_to": self.ramp_to or rate * (self.ramp_factor or 0.0)}

    def rate(self, usual: float) -> float:
        """Orders a second with which it begins; 0 in a closed loop and for a trace."""
        fields = self.rates(usual)
        return float(fields.get("rate") or fields.get("steps", (0.0,))[0])

    def highest(self, usual: float) -> float:
        """Orders a second at most; 0 where ``rate`` is 0."""
        fields = self.rates(usual)
        return float(max(fields.get("rate", 0.0), fields.get("ramp_to", 0.0), *fields.get("steps", ())))

    def told(self, usual: float) -> str:
        """For people: how fast an open load is."""
        return told_load(self.model_dump(mode="json"), usual) or ""

    def _given(self, *names: str) -> list[str]:
        return [name for name in names if name in self.model_fields_set]

    def _recorded(self, trace: str, folder: Path) -> Recording:
        if trace not in NAMES:
            if self.day is not None:
                raise ValueError(f"day is for {', '.join(NAMES)} alone: leave it out, a file is played as a whole")
            return of_file(folder / trace, self.speed or 1.0)
        if self.day is None or self.speed is None:
            raise ValueError(f"{trace} needs day and speed, for example day = 2017-06-03 and speed = 1800")
        try:
            return of_day(self.day, self.speed)
        except TraceMissing as error:
            raise ValueError(str(error)) from None
