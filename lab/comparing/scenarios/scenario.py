"""What a scenario's file may say, and how wrong files are told what would be right."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_serializer, model_validator

from delivery_svc.settings import DeliverySettings
from kit.settings import ServiceSettings
from lab.comparing.overrides import OURS
from lab.comparing.scenarios.load_shape import LoadShape
from lab.comparing.scenarios.part import LONGEST, Part
from orders_svc.settings import OrdersSettings
from products_svc.settings import ProductsSettings

Kind = Literal["kill", "hang", "crash", "deploy", "prices"]
Target = Literal["orders", "products", "delivery", "orders-worker", "kafka", "postgres"]
Service = Literal["orders", "products", "delivery"]
Told = Mapping[str, str]

TARGETS: Mapping[Kind, tuple[Target, ...]] = {
    "kill": ("orders", "products", "delivery", "orders-worker", "kafka", "postgres"),
    "hang": ("orders", "products", "delivery", "orders-worker", "kafka"),
    "crash": ("orders",),
    "deploy": ("orders", "products", "delivery"),
    "prices": ("products",),
}
_SETTINGS: Mapping[str, type[ServiceSettings]] = {
    "orders": OrdersSettings,
    "products": ProductsSettings,
    "delivery": DeliverySettings,
}


class Fault(Part):
    """Something that is done to the shop and undone ``seconds`` later. It begins at ``at``, a share of the measured
    time, or ``at_seconds`` into it.

    ``kill``: SIGKILL, and started again. ``hang``: SIGSTOP, then SIGCONT. ``crash``: orders dies at a step of its
    protocol, a round each; in wirings without one it is killed at ``at``. ``deploy``: the service is replaced by one
    that is ``told`` other settings, and rolled back (dead letters are requeued then). ``prices``: prices are changed
    ``per_second`` times a second, one product after the other, and set back.
    """

    kind: Kind
    target: Target
    at: float | None = Field(default=None, ge=0, lt=1)
    at_seconds: float | None = Field(default=None, ge=0, le=LONGEST)
    seconds: float = Field(gt=0, le=LONGEST)
    per_second: float | None = Field(default=None, gt=0, le=1000)
    told: Told | None = None

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if (self.at is None) == (self.at_seconds is None):
            raise ValueError(
                "say when it hits with at (a share of the measured time, 0 to 1) or at_seconds, one of them"
            )
        if self.target not in TARGETS[self.kind]:
            raise ValueError(f"{self.kind} takes one of {', '.join(TARGETS[self.kind])} as target, not {self.target}")
        for name, kind, example in (("per_second", "prices", "20"), ("told", "deploy", "{ SHOP_... = '...' }")):
            given = getattr(self, name) is not None
            if given != (self.kind == kind):
                raise ValueError(
                    f"{name} is for kind = '{kind}' alone: leave it out"
                    if given
                    else f"{kind} needs {name}, for example {name} = {example}"
                )
        if self.told is not None:
            _can_be_told(self.target, self.told)
        return self

    def starts(self, measured: float) -> float:
        """Seconds into ``measured`` seconds at which it hits."""
        return self.at_seconds if self.at_seconds is not None else (self.at or 0.0) * measured


class Scenario(Part):
    """``told`` are settings that services have for the whole of a round. A round is measured for ``least_seconds`` or
    longer, and one with a trace for as long as that is. ``{seconds}`` in ``text`` stands for how long the first fault
    lasts."""

    title: str = Field(min_length=1, max_length=80)
    text: str = Field(min_length=1, max_length=500)
    load: LoadShape = LoadShape()
    told: Mapping[Service, Told] = {}
    faults: tuple[Fault, ...] = Field(default=(), strict=False)
    least_seconds: float = Field(default=1.0, gt=0, le=LONGEST)

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        for service, told in self.told.items():
            _can_be_told(service, told)
        crashes = [fault for fault in self.faults if fault.kind == "crash"]
        if crashes and len(self.faults) > 1:
            raise ValueError("a crash stands alone: a round has one step of the protocol, and no other fault")
        if crashes and (self.load.ramp_to or self.load.ramp_factor or self.load.steps or self.load.trace):
            raise ValueError("a crash comes after a number of orders at one rate: leave the ramp, steps or trace out")
        recording = self.load.recording
        if recording is not None and "least_seconds" in self.model_fields_set:
            raise ValueError("a trace is played to its end: leave least_seconds out")
        for fault in self.faults:
            if fault.at_seconds is not None and fault.at_seconds >= self.measured_seconds(self.least_seconds):
                raise ValueError(
                    f"a fault at {fault.at_seconds:g} s needs a measured time beyond it: "
                    + (
                        f"raise least_seconds ({self.least_seconds:g})"
                        if recording is None
                        else f"the trace takes {recording.seconds:g} s"
                    )
                )
        return self

    @field_serializer("text")
    def _words(self, text: str) -> str:
        return text.replace("{seconds}", f"{self.faults[0].seconds:g}") if self.faults else text

    @property
    def crashes(self) -> bool:
        """Whether orders dies at the steps of its protocol."""
        return any(fault.kind == "crash" for fault in self.faults)

    def measured_seconds(self, usual: float) -> float:
        """How long it is measured where the command says ``usual``."""
        recording = self.load.recording
        return max(usual, self.least_seconds) if recording is None else recording.seconds


def _can_be_told(service: str, told: Told) -> None:
    """Raises ValueError when the service has no such setting or does not take the value."""
    settings = _SETTINGS[service]
    known = {f"SHOP_{name.upper()}": name for name in settings.model_fields if name not in OURS}
    unknown = [name for name in told if name not in known]
    if unknown:
        raise ValueError(f"{service} has no setting {', '.join(unknown)}; docs/running.md has all of them")
    values: dict[str, Any] = {known[name]: value for name, value in told.items()}
    try:
        settings(**{"database_url": "postgresql://nobody@127.0.0.1/none", **values})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ValueError(f"{service} does not take {dict(told)}: {wrong}") from None


def in_words(error: ValidationError) -> str:
    """What is wrong in a scenario's file, and what would be right."""
    return "; ".join(f"{_place(one['loc'])}{_said(one)}" for one in error.errors())


def _place(location: tuple[int | str, ...]) -> str:
    """``faults.1.kind`` counts as people do."""
    words = [str(part + 1) if isinstance(part, int) else part for part in location]
    return f"{'.'.join(words)}: " if words else ""


def _said(one: Any) -> str:
    kind, message = one["type"], str(one["msg"]).removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return f"there is no such entry; there are {', '.join(_entries(one['loc']))}"
    if kind == "missing":
        return "is missing"
    return f"{message[0].lower()}{message[1:]}" + ("" if kind == "value_error" else f", not {one['input']!r}")


def _entries(location: tuple[int | str, ...]) -> list[str]:
    parts: Mapping[str, type[Part]] = {"load": LoadShape, "faults": Fault}
    part = parts.get(str(location[0]), Scenario) if len(location) > 1 else Scenario
    return list(part.model_fields)
