"""Sightings on a screen: one line an event, or one order's journey as a timeline."""

from collections.abc import Sequence
from datetime import date

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.watching.journey import SERVICE, Step
from lab.watching.sentences import printable, sentence
from lab.watching.sightings import Sighting
from lab.watching.timeline import COLOURS, timeline

_WHOLE_KEY = 150
"""From this width in characters on."""


def show_lines(sightings: Sequence[Sighting], console: Console) -> None:
    """When it was appended (local time), where, what, about which key, and what it says. What cannot be read is red.
    Where there is not enough room, of a key the end is shown: ids that were made at the same time begin alike."""
    today = date.today()  # noqa: DTZ011 (local, as the times that are shown)
    whole = console.width >= _WHOLE_KEY or not console.is_terminal
    lines = [_line(sighting, today, whole) for sighting in sightings]
    if lines:
        console.print(Text("\n").join(lines), soft_wrap=True)


def _line(sighting: Sighting, today: date, whole_key: bool) -> Text:
    local = sighting.appended.astimezone()
    when = f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"
    if local.date() != today:
        when = f"{local:%Y-%m-%d} {when}"
    key = printable(sighting.key or "no key")
    key = key if whole_key or len(key) <= 9 else f"…{key[-8:]}"
    line = Text.assemble((f"{when} ", "dim"), f"{sighting.place:<18} ")
    line.append(f"{printable(sighting.name):<26} ", _colour(sighting))
    line.append(f"{key:>{36 if whole_key else 9}}  ", "dim")
    return line.append(says(sighting), "red" if sighting.error else "yellow" if sighting.unknown else "")


def says(sighting: Sighting) -> str:
    if sighting.envelope is not None:
        return sentence(sighting.envelope.data)
    return printable(
        f"cannot be read: {sighting.error}" if sighting.error else "a type that this program does not know"
    )


def _colour(sighting: Sighting) -> str:
    if sighting.envelope is None:
        return "red" if sighting.error else "yellow"
    return COLOURS[SERVICE[sighting.topic]]


def journey_table(order_id: object, told: Sequence[tuple[Sighting, bool]], width: int) -> Table:
    """The steps in causal order, by business time since the order was placed (or since the first of them). Where clocks
    differ, a step can have a time before the one that it follows."""
    steps = []
    for sighting, repeated in told:
        name = f"{printable(sighting.name)} (duplicate)" if repeated else printable(sighting.name)
        at = since_epoch(sighting)
        steps.append(Step(SERVICE[sighting.topic], name, says(sighting), at, sighting.appended.timestamp()))
    places = [sighting.place for sighting, _ in told]
    return timeline(f"Order {order_id}", steps, began(told), width, places)


def began(told: Sequence[tuple[Sighting, bool]]) -> float:
    """When the order was placed (Unix time), or its first step that is known."""
    placed = [since_epoch(sighting) for sighting, _ in told if sighting.name == "OrderPlaced"]
    return (placed or [since_epoch(sighting) for sighting, _ in told])[0]


def since_epoch(sighting: Sighting) -> float:
    """Business time, or append time where that is not known."""
    return (sighting.appended if sighting.envelope is None else sighting.envelope.time).timestamp()
