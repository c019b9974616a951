"""A journey as people read it."""

from rich.console import Console
from rich.table import Table

from lab.watching.journey import Journey, Step

_COLOURS = {"orders": "cyan", "products": "magenta", "delivery": "blue", "customer": "bold"}


def show_journey(journey: Journey, console: Console) -> None:
    """A timeline: milliseconds since the request was sent, and since the step before."""
    answer = Step("customer", f"HTTP {journey.status}", _answer(journey), journey.answered)
    steps = sorted([Step("customer", "POST /orders", "", journey.sent), *journey.steps, answer], key=lambda s: s.at)
    span = max(steps[-1].at - journey.sent, 1e-6)
    table = Table(title=f"Order {journey.order.get('id', '(none)')}", title_justify="left", show_edge=False)
    for name, side in (("at ms", "right"), ("step ms", "right"), ("who", "left"), ("what", "left"), ("", "left")):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    table.add_column("on the topic ms", justify="right")
    before = journey.sent
    for step in steps:
        since = (step.at - journey.sent) * 1000
        colour = _COLOURS.get(step.who, "white")
        bar = "─" * round(28 * since / (span * 1000)) + "●"
        topic = "" if step.on_topic is None else f"{max((step.on_topic - journey.sent) * 1000, 0):.0f}"
        what = f"{step.what}  [dim]{step.says}[/dim]" if step.says else step.what
        table.add_row(
            f"{since:.1f}", f"+{(step.at - before) * 1000:.1f}", f"[{colour}]{step.who}[/{colour}]", what, bar, topic
        )
        before = step.at
    console.print(table)


def _answer(journey: Journey) -> str:
    if "status" in journey.order and "id" in journey.order:
        return f"the customer has an answer: {journey.order['status']}"
    return str(journey.order.get("detail", ""))
