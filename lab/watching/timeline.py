"""A journey as people read it."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.watching.journey import Journey, Step

COLOURS = {"orders": "cyan", "products": "magenta", "delivery": "blue", "customer": "bold"}
"""Of who does something."""

_BAR = 18


def show_journey(journey: Journey, console: Console) -> None:
    """A timeline: milliseconds since the request was sent, since the step before, and until the event was on its
    topic (the broker's clock counts whole ones)."""
    answer = Step("customer", f"HTTP {journey.status}", _answer(journey), journey.answered)
    steps = sorted([Step("customer", "POST /orders", "", journey.sent), *journey.steps, answer], key=lambda s: s.at)
    console.print(timeline(f"Order {journey.order.get('id', '(none)')}", steps, journey.sent, console.width))


def timeline(title: str, steps: Sequence[Step], begin: float, width: int, places: Sequence[str] | None = None) -> Table:
    """The steps as they come, in milliseconds since ``begin`` (Unix time); ``places`` say where each step's record is.
    What does not fit into ``width`` characters is left out: first the words, then the bars."""
    says, bars = width >= (140 if places else 120), not places or width >= 100
    span = max(max(step.at for step in steps) - begin, 1e-6)
    table = Table(title=title, title_justify="left", show_edge=False)
    for name in ("at ms", "step ms", "who", "what", *[""] * (bars + says), "on topic", *["record"] * bool(places)):
        table.add_column(name, justify="right" if name in ("at ms", "step ms", "on topic") else "left", no_wrap=True)
    before = begin
    for number, step in enumerate(steps):
        since = step.at - begin
        row: list[str | Text] = [f"{since * 1000:.1f}", f"{(step.at - before) * 1000:+.1f}"]
        row += [Text(step.who, COLOURS.get(step.who, "white")), step.what]
        row += ["─" * round(_BAR * max(since, 0) / span) + "●"] * bars
        row += [Text(step.says, "dim")] * says
        row += ["" if step.on_topic is None else f"{max((step.on_topic - begin) * 1000, 0):.0f}"]
        row += [Text(places[number])] if places else []
        table.add_row(*row)
        before = step.at
    return table


def _answer(journey: Journey) -> str:
    if "status" in journey.order and "id" in journey.order:
        return f"the customer's answer: {journey.order['status']}"
    return str(journey.order.get("detail", ""))
