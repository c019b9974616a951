"""A scenario's load as people read it, from what its document says of it."""

import math
from collections.abc import Mapping
from typing import Any


def told_load(shape: Mapping[str, Any], usual: float | None) -> str | None:
    """Of an open load, for example ``50 to 200 orders/s``. ``shape`` is a scenario's ``load``, of whatever age;
    ``usual`` the command's rate. None where the rate is not known."""
    if trace := shape.get("trace"):
        return _recorded(str(trace), shape.get("day"), _number(shape.get("speed")) or 1.0)
    if isinstance(steps := shape.get("steps"), list | tuple) and steps:
        return f"{', '.join(f'{rate:g}' for rate in map(_number, steps) if rate is not None)} orders/s in turn"
    rate = _number(shape.get("orders_per_second"))
    if rate is None and usual is not None:
        rate = usual * (_number(shape.get("rate_factor")) or 1.0)
    if rate is None:
        return None
    factor = _number(shape.get("ramp_factor"))
    last = _number(shape.get("ramp_to")) if factor is None else rate * factor
    return f"{rate:g} orders/s" if last is None else f"{rate:g} to {last:g} orders/s"


def told_arrivals(shape: Mapping[str, Any], usual: str) -> str | None:
    """``constant`` or ``poisson``; ``usual`` is the command's. None for recorded orders, which have times of their
    own."""
    return None if shape.get("trace") else str(shape.get("arrivals") or usual)


def _recorded(trace: str, day: object, speed: float) -> str:
    what = f"{trace}, {day}" if day else trace
    return f"the whole of {what}" + ("" if speed == 1 else f", {speed:,g} times as fast")


def _number(value: object) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else None  # type: ignore[arg-type]
