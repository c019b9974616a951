"""``shop events``: read the topics as a person would."""

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

import orjson
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from events.catalogue import CATALOGUE
from events.refusals import quiet_client_logs
from lab.commands.chosen import Compose, chosen_shop
from lab.console import MISUSED, console, errors, fail, plain_errors, step
from lab.replay import moments
from lab.replay.errors import NotAMoment
from lab.replay.moments import Moment
from lab.replay.topic import TopicReader
from lab.running.errors import ShopError
from lab.running.layout import Layout
from lab.watching.event_lines import began, journey_table, show_lines, since_epoch
from lab.watching.journey import TOPICS as OF_AN_ORDER
from lab.watching.looking import Window, arriving, first_of, journey_of, last_of, window
from lab.watching.sightings import Sighting, Tally

LAST = 50
TOPICS = tuple(dict.fromkeys(event.topic for event in CATALOGUE))


def events(
    topic: Annotated[
        list[str] | None, typer.Option("--topic", "-t", help=f"Only this one of {', '.join(TOPICS)}; can be repeated.")
    ] = None,
    order: Annotated[str, typer.Option("--order", help="The journey of the order with this id, in causal order.")] = "",
    since: Annotated[str, typer.Option("--from", help=f"From here on: {moments.HELP}.")] = "",
    until: Annotated[str, typer.Option("--until", help="Up to here, not including it; given like --from.")] = "",
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=0, help=f"With --from the first N; else the last N ({LAST}).")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Then go on with what arrives, until Ctrl-C.")] = False,
    compose: Compose = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")] = False,
) -> None:
    """Read the topics: one line an event in the order of arrival at the broker, or the journey of one order.

    Times are the broker's append times. Events of unknown types and records that cannot be read are shown and counted,
    never skipped. Joins no consumer group. Exit code 0 (also after Ctrl-C with --follow); 1: there is no such order, or
    no shop; 2: options that do not go together.

    Example: `shop events --topic orders --from 15m --follow`
    """
    with plain_errors():
        wish = _wish(topic, order, since, until, limit, follow, as_json)
        layout = chosen_shop(compose)
        quiet_client_logs()
        if layout.wiring != "events":
            raise ShopError("only the wiring `events` has topics: `shop up --wiring events`")
        try:
            asyncio.run(_journey(layout, wish) if wish.order else _list(layout, wish))
        except KeyboardInterrupt:
            if not follow:
                raise
        except BrokenPipeError:  # the reader (head, less) has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    step(str(wish.tally))
    if wish.order and not wish.tally.shown:
        raise fail(f"no event of order {wish.order} is on the topics{' in that time' if since or until else ''}")


@dataclass
class Wish:
    """What was asked for, and what has been shown of it."""

    topics: Sequence[str]
    order: UUID | None
    since: Moment
    until: Moment
    first: int | None
    """How many from ``since`` on, None for all of them; ``last`` is not None where the end counts instead."""
    last: int | None
    follow: bool
    as_json: bool
    tally: Tally = field(default_factory=Tally)

    def show(self, sightings: Sequence[Sighting]) -> None:
        for sighting in sightings:
            self.tally.add(sighting)
        if self.as_json:
            _write([sighting.as_dict() for sighting in sightings])
        else:
            show_lines(sightings, console)


def _wish(
    topic: Sequence[str] | None, order: str, since: str, until: str, limit: int | None, follow: bool, as_json: bool
) -> Wish:
    strange = [name for name in topic or () if name not in TOPICS]
    if strange:
        raise fail(f"there is no topic {strange[0]!r}; there are {', '.join(TOPICS)}", code=MISUSED)
    if order and (follow or limit is not None or topic):
        raise fail("--order shows a whole journey: --topic, --limit and --follow do not go with it", code=MISUSED)
    if follow and (until or (since and limit is not None)):
        raise fail("--follow has no end: --until, or --from with --limit, do not go with it", code=MISUSED)
    return Wish(
        topics=tuple(dict.fromkeys(topic or TOPICS)),
        order=_order_id(order) if order else None,
        since=_moment(since or "beginning"),
        until=_moment(until or "end"),
        first=limit if since else None,
        last=None if since else LAST if limit is None else limit,
        follow=follow,
        as_json=as_json,
    )


def _moment(text: str) -> Moment:
    try:
        return moments.parse(text)
    except NotAMoment as error:
        raise fail(str(error), code=MISUSED) from None


def _order_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise fail(
            f"{text!r} is not an order's id: all of it is needed, because the partition is computed from it "
            "(`shop events --json` shows ids in full)",
            code=MISUSED,
        ) from None


async def _list(layout: Layout, wish: Wish) -> None:
    async with TopicReader(layout.broker(), wish.topics) as reader:
        part = await window(reader, wish.since, wish.until)
        if wish.last is None:
            async for sightings in first_of(reader, part, wish.first):
                wish.show(sightings)
        else:
            _say_how_many(wish, part, wish.last)
            wish.show(await last_of(reader, part, wish.last))
        if wish.follow:
            lost, found = "Kafka does not answer; waiting for it", "Kafka answers again"
            start = {place: max(end, part.start[place]) for place, end in part.stop.items()}
            async for sightings in arriving(reader, start, lost=lambda: step(lost), found=lambda: step(found)):
                wish.show(sightings)


def _say_how_many(wish: Wish, part: Window, count: int) -> None:
    if part.total > count:
        most = "at most " if "products" in wish.topics else ""
        step(f"the last {count:,} of {most}{part.total:,} events; --from beginning shows all, --limit more or fewer")


async def _journey(layout: Layout, wish: Wish) -> None:
    assert wish.order is not None
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TextColumn("events"))
    async with TopicReader(layout.broker(), OF_AN_ORDER) as reader:
        part = await window(reader, wish.since, wish.until)
        with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
            task = bar.add_task("reading", total=None)

            def progress(read: int, total: int) -> None:
                bar.update(task, completed=read, total=max(total, 1))

            told = await journey_of(reader, wish.order, part, progress)
    for sighting, _ in told:
        wish.tally.add(sighting)
    if told and wish.as_json:
        begin = began(told)
        _write([s.as_dict() | {"duplicate": again, "ms_since_placed": _ms(s, begin)} for s, again in told])
    elif told:
        console.print(journey_table(wish.order, told, console.width))


def _ms(sighting: Sighting, begin: float) -> float:
    return round((since_epoch(sighting) - begin) * 1000, 3)


def _write(lines: Sequence[object]) -> None:
    """JSON Lines, at once: somebody may be waiting for them."""
    sys.stdout.write("".join(orjson.dumps(line).decode() + "\n" for line in lines))
    sys.stdout.flush()
