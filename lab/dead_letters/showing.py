"""Dead letters for people: a table, one in full, what became of those that were requeued."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.dead_letters.deciding import Outcome
from lab.dead_letters.letters import Letter
from lab.dead_letters.record import Whole, next_steps, readable

_STATES = {"dead": "red", "requeued": "yellow", "discarded": "dim"}
_LONGEST = 200


def show_table(letters: Sequence[Letter], short: Mapping[UUID, str], console: Console) -> None:
    """Several lines a dead letter, so that it fits a narrow terminal."""
    table = Table(show_edge=False, leading=1)
    for name in ("id, state", "consumer", "event, aggregate, record, error", "died (UTC)"):
        table.add_column(name, overflow="fold")
    for one in letters:
        whose = [one.consumer] if one.consumer == one.service else [one.consumer, f"of {one.service}"]
        what = [one.event, _line(one.aggregate), one.place]
        table.add_row(
            f"[cyan]{short[one.id]}[/cyan]\n[{_STATES[one.state]}]{one.state}[/]",
            escape("\n".join(whose)),
            escape("\n".join(what)) + f"\n[red]{escape(_line(one.error))}[/red]" + _discarded(one),
            f"{one.died_at:%Y-%m-%d}\n{one.died_at:%H:%M:%S}\n{_attempts(one.attempts)}",
        )
    console.print(table)


def show_whole(whole: Whole, console: Console) -> None:
    one = whole.letter
    console.print(f"[cyan]{one.id}[/cyan] is [{_STATES[one.state]}]{one.state}[/]", soft_wrap=True)
    facts = {
        "service": one.service,
        "consumer": one.consumer,
        "event": one.event_type or "a record that does not say its type",
        "aggregate": one.aggregate or "-",
        "record": one.place,
        "attempts": str(one.attempts),
        "died": f"{one.died_at:%Y-%m-%d %H:%M:%S} UTC",
    }
    if one.requeued_at:
        facts["requeued"] = f"{one.requeued_at:%Y-%m-%d %H:%M:%S} UTC"
    if one.discarded_at:
        facts["discarded"] = f"{one.discarded_at:%Y-%m-%d %H:%M:%S} UTC: {one.discarded_why}"
    for name, value in facts.items():
        console.print(f"  [dim]{name:10}[/dim] {escape(readable(value.encode()))}", soft_wrap=True)
    _chapter("event" if whole.event is not None else "value, as it was on the topic", console)
    if whole.event is not None:
        data = whole.event.data.model_dump(mode="json", by_alias=True)
        console.print(escape(orjson.dumps(data, option=orjson.OPT_INDENT_2).decode()), soft_wrap=True)
    else:
        console.print(escape("no value (a tombstone)" if whole.value is None else whole.value), soft_wrap=True)
        console.print(f"[yellow]{escape(whole.unreadable or '')}[/yellow]", soft_wrap=True)
    _chapter("headers", console)
    for name, text in whole.headers.items():
        console.print(
            f"  [dim]{escape(name)}[/dim] {'[dim]no value[/dim]' if text is None else escape(text)}", soft_wrap=True
        )
    _chapter("error", console)
    console.print(f"[red]{escape(readable(one.error.encode()))}[/red]", soft_wrap=True)
    console.print(f"[dim]{escape(readable(whole.traceback.encode()))}[/dim]", soft_wrap=True)
    _chapter("what to do", console)
    for step in next_steps(whole):
        console.print(f"  {escape(step)}", soft_wrap=True)


def show_outcome(outcome: Outcome, short: str, waits_for: str | None, console: Console) -> None:
    """One line. ``waits_for`` says why nobody takes it up, when nobody does."""
    one = outcome.letter
    said = {
        "handled": "[green]handled[/green]",
        "failed": f"[red]failed again[/red], attempt {outcome.attempts}: {escape(_line(outcome.error or ''))}",
        "waiting": f"[yellow]waits[/yellow]: {escape(waits_for or f'{one.consumer} runs and has not come to it yet')}",
        "discarded": "[yellow]discarded[/yellow] by somebody else meanwhile",
    }[outcome.became]
    what = escape(f"{one.consumer}: {one.event} {_line(one.aggregate)}")
    console.print(f"[cyan]{short}[/cyan] {what} {said}", soft_wrap=True)


def _discarded(one: Letter) -> str:
    return "" if one.discarded_why is None else f"\n[dim]discarded: {escape(_line(one.discarded_why))}[/dim]"


def _attempts(number: int) -> str:
    return "1 attempt" if number == 1 else f"{number} attempts"


def _chapter(title: str, console: Console) -> None:
    console.print(f"\n[bold]{title}[/bold]")


def _line(text: str) -> str:
    """The first line, without what a terminal would obey."""
    first = (text.splitlines() or [""])[0]
    return readable(first.encode())[:_LONGEST]
