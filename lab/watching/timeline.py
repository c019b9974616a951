"""A journey as people read it."""

from rich.console import Console
from rich.table import Table

from lab.watching.journey import Journey, Step

_BAR = 18
_COLOURS = {"orders": "cyan", "products": "magenta", "delivery": "blue", "customer": "bold"}


def show_journey(journey: Journey, console: Console) -> None:
    """A timeline: milliseconds since the request was sent, since the step before, and until the event was on its
    topic (the broker's clock counts whole ones)."""
    answer = Step("customer", f"HTTP {journey.status}", _answer(journey), journey.answered)
    steps = sorted([Step("customer", "POST /orders", "", journey.sent), *journey.steps, answer], key=lambda s: s.at)
    span = max(steps[-1].at - journey.sent, 1e-6)
    wide = console.width >= 120
    table = Table(title=f"Order {journey.order.get('id', '(none)')}", title_justify="left", show_edge=False)
    for name in ("at ms", "step ms", "who", "what", "", *(("",) if wide else ()), "on topic"):
        table.add_column(name, justify="right" if name in ("at ms", "step ms", "on topic") else "left", no_wrap=True)
    before = journey.sent
    for step in steps:
        since = (step.at - journey.sent) * 1000
        colour = _COLOURS.get(step.who, "white")
        bar = "─" * round(_BAR * since / (span * 1000)) + "●"
        topic = "" if step.on_topic is None else f"{max((step.on_topic - journey.sent) * 1000, 0):.0f}"
        who = f"[{colour}]{step.who}[/{colour}]"
        says = (f"[dim]{step.says}[/dim]",) if wide else ()
        table.add_row(f"{since:.1f}", f"+{(step.at - before) * 1000:.1f}", who, step.what, bar, *says, topic)
        before = step.at
    console.print(table)


def _answer(journey: Journey) -> str:
    if "status" in journey.order and "id" in journey.order:
        return f"the customer's answer: {journey.order['status']}"
    return str(journey.order.get("detail", ""))
