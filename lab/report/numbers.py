"""How figures are written: as many digits as mean something, and never rounder than they are."""

import math
from typing import Any


def number(value: Any) -> float | None:
    """A finite number out of a document; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def percent(value: float) -> str:
    """One digit after the point; what is not quite 100 or 0 does not become it."""
    if 99.95 <= value < 100:
        return "> 99.9"
    if 0 < value < 0.05:
        return "< 0.1"
    return f"{value:.1f}".removesuffix(".0")


def amount(value: float) -> str:
    """Three digits that matter, thousands apart: ``6.05``, ``13.0``, ``1,066``."""
    if value == 0 or abs(value) >= 99.95:
        return f"{value:,.0f}"
    if abs(value) >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def short(value: float) -> str:
    """A round number, as short as it is: ``0``, ``2.5``, ``1,000``."""
    return f"{value:,.0f}" if value == round(value) else f"{value:g}"


def milliseconds(value: float) -> str:
    """With its unit: ``7.4 ms``; from ten seconds on ``12.4 s``."""
    return f"{value / 1000:.1f} s" if value >= 10_000 else f"{amount(value)} ms"


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 round``, ``3 rounds``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(parts: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
