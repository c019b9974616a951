"""Figures as they are written where there are 80 columns: the median, and the range of the rounds below it,
where its ends are not written alike."""

from collections.abc import Callable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from lab.comparing.statistics import Spread


def narrow_table(title: str, columns: Sequence[str]) -> Table:
    """A table with wirings at its left, whose columns are as wide as what is in them."""
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("wiring", no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def name(wiring: str) -> str:
    """On two lines where it is long, as the figures are: ``chain-``, ``breaker``."""
    return f"[cyan]{wiring.replace('-', f'-{chr(10)}')}[/cyan]"


def milliseconds(spread: Spread | None) -> str:
    """From ten seconds on in seconds; the ends of the range from one second on."""
    if spread is None:
        return "-"
    return _with_range(_number(spread.median), spread, _seconds if spread.low >= 1000 else _end)


def share(spread: Spread | None) -> str:
    """Of a hundred."""
    return "-" if spread is None else _with_range(f"{spread.median:.1f}", spread, _end)


def percent(value: float) -> str:
    """Never rounded up to all or down to nothing: 99.96 % is not 100 %."""
    return f"{value:.0f}" if value in (0, 100) else f"{min(max(value, 0.1), 99.9):.1f}"


def rate(spread: Spread | None) -> str:
    return "-" if spread is None else _with_range(_whole(spread.median), spread, _whole)


def findings(spread: Spread | None) -> str:
    """Red where there are any."""
    if spread is None:
        return "-"
    colour = "red" if spread.high else "green"
    return _with_range(f"[{colour}]{_whole(spread.median)}[/{colour}]", spread, _thousands)


def _with_range(middle: str, spread: Spread, form: Callable[[float], str]) -> str:
    low, high = form(spread.low), form(spread.high)
    if low == high:
        return middle
    return f"{middle}\n[dim]{low}-{high}{'s' if form is _seconds else ''}[/dim]"


def _number(value: float) -> str:
    """Three digits that matter."""
    if value >= 10_000:
        return f"{value / 1000:.1f} s"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _end(value: float) -> str:
    """One end of a range, in four characters."""
    if value >= 1000:
        return f"{_seconds(value)}s"
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _seconds(value: float) -> str:
    return f"{value / 1000:.0f}" if value >= 9950 else f"{value / 1000:.1f}"


def _thousands(value: float) -> str:
    """One end of a range of counts, in five characters."""
    return f"{value / 1000:,.0f}k" if value >= 10_000 else _whole(value)


def _whole(value: float) -> str:
    return f"{value:,.0f}"
