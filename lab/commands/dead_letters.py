"""``shop dead-letters``: events whose handling failed for good; look into them, requeue or discard them."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from lab.commands.chosen import Compose, chosen_shop
from lab.compose.containers import run_state
from lab.compose.layout import ComposeLayout
from lab.console import FAILED, MISUSED, console, errors, fail, plain_errors, print_json, step
from lab.dead_letters.choosing import FIELDS, Condition, ConditionError, by_id, condition, fitting
from lab.dead_letters.deciding import Outcome, absent, settled
from lab.dead_letters.deciding import discard as let_rest
from lab.dead_letters.deciding import requeue as mark
from lab.dead_letters.letters import Letter, read_letters, short_ids
from lab.dead_letters.record import read_whole
from lab.dead_letters.showing import show_outcome, show_table, show_whole
from lab.running.layout import Layout
from lab.supervision import Home, RunState, read_state

app = typer.Typer(no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
_Id = Annotated[str, typer.Argument(metavar="ID", help="An id, or as much of its beginning or end as is one's alone.")]
_Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="FIELD=VALUE",
        help=f"Those with that value, or FIELD~TEXT: that contain the text. All given must fit. {', '.join(FIELDS)}.",
    ),
]


@app.callback()
def dead_letters() -> None:
    """Events whose handling failed for good, in all services: list, show, requeue, discard.

    Example: `shop dead-letters list`
    """


@app.command("list")
def list_letters(
    discarded: Annotated[bool, typer.Option("--discarded", help="Also those that were discarded.")] = False,
    where: _Where = None,
    compose: Compose = "",
    as_json: _Json = False,
) -> None:
    """List them, the newest last. Exit code 0, also when there are some; 2: a condition that cannot be understood.

    Example: `shop dead-letters list --where consumer=products --where error~timeout`
    """
    conditions = _conditions(where)
    with plain_errors():
        letters = asyncio.run(read_letters(chosen_shop(compose)))
    short = short_ids(letters)
    shown = [one for one in fitting(letters, conditions) if discarded or one.discarded_at is None]
    if as_json:
        print_json([{**one.as_dict(), "short": short[one.id]} for one in shown])
    elif shown:
        show_table(shown, short, console)
    else:
        console.print("[green]no dead letters[/green]" + (" that fit" if conditions else ""))


@app.command()
def show(letter: _Id, compose: Compose = "", as_json: _Json = False) -> None:
    """Show one whole: the event, its headers, the error with its traceback, and what to do. Exit code 0; 1: no such id.

    Example: `shop dead-letters show 3f9a01bc`
    """
    with plain_errors():
        layout = chosen_shop(compose)
        whole = asyncio.run(read_whole(layout, by_id(asyncio.run(read_letters(layout)), letter)))
    if as_json:
        print_json(whole.as_dict())
    else:
        show_whole(whole, console)


@app.command()
def requeue(
    letters: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Ids, as for `show`.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that are not discarded.")] = False,
    where: _Where = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for a consumer that does not come on.")] = 10.0,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait for what becomes of them.")] = False,
    compose: Compose = "",
    as_json: _Json = False,
) -> None:
    """Have them handled again, each by the consumer that failed and by nobody else, and say what became of them.

    One that fails again comes back as a dead letter; one whose consumer does not run waits for it. Exit code 0: all
    were handled (with --no-wait: requeued), or there was none; 1: not all; 2: misused.

    Example: `shop dead-letters requeue --where type=OrderPlaced.v2`
    """
    if sum(map(bool, (letters, every, where))) != 1:
        raise fail("say which: ids, or --all, or --where", code=MISUSED)
    conditions = _conditions(where)
    with plain_errors():
        layout = chosen_shop(compose)
        known = asyncio.run(read_letters(layout))
        alive = [one for one in known if one.discarded_at is None]
        chosen = [by_id(known, one) for one in letters] if letters else fitting(alive, conditions)
        chosen = list(dict.fromkeys(chosen))
        outcomes = asyncio.run(_requeue(layout, chosen, 0.0 if no_wait else wait))
    _report(outcomes, known, _run(layout), as_json)
    if not no_wait and any(one.became != "handled" for one in outcomes):
        raise typer.Exit(FAILED)


@app.command()
def discard(
    letter: _Id,
    why: Annotated[str, typer.Option("--why", help="The reason, for those who come after you.")],
    compose: Compose = "",
    as_json: _Json = False,
) -> None:
    """Decide that one will never be handled. It stays, with the reason, and is not counted any more. There is no way
    back. Exit code 0: done; 1: no such id, or discarded before; 2: misused.

    Example: `shop dead-letters discard 3f9a01bc --why "a test record; no such order"`
    """
    if not why.strip():
        raise fail("--why: say why it will never be handled", code=MISUSED)
    with plain_errors():
        layout = chosen_shop(compose)
        one = by_id(asyncio.run(read_letters(layout)), letter)
        asyncio.run(let_rest(layout, one, why.strip()))
    if as_json:
        print_json({"id": str(one.id), "discarded_why": why.strip()})
    else:
        console.print(f"[cyan]{one.id}[/cyan] is discarded; `shop dead-letters list --discarded` shows it")


def _conditions(where: Sequence[str] | None) -> list[Condition]:
    try:
        return [condition(text) for text in where or ()]
    except ConditionError as error:
        raise fail(f"--where: {error}", code=MISUSED) from None


async def _requeue(layout: Layout, letters: Sequence[Letter], patience: float) -> list[Outcome]:
    await mark(layout, letters)
    columns = (TextColumn("requeued"), BarColumn(), MofNCompleteColumn(), TextColumn("settled"))
    with Progress(*columns, console=errors, transient=True, disable=patience == 0 or not errors.is_terminal) as bar:
        task = bar.add_task("requeued", total=len(letters))
        return await settled(layout, letters, patience, lambda done: bar.update(task, completed=done))


def _run(layout: Layout) -> RunState | None:
    """Which consumers' processes run."""
    return run_state(layout) if isinstance(layout, ComposeLayout) else read_state(Home.from_environment())


def _report(outcomes: Sequence[Outcome], known: Sequence[Letter], run: RunState | None, as_json: bool) -> None:
    short = short_ids(known)
    waits = {one.letter.id: absent(one.letter, run) for one in outcomes if one.became == "waiting"}
    count = Counter(one.became for one in outcomes)
    if as_json:
        listed = [
            {
                **{name: one.letter.as_dict()[name] for name in ("id", "service", "consumer", "type", "key")},
                "became": one.became,
                "attempts": one.attempts,
                "error": one.error,
                "waits_for": waits.get(one.letter.id),
            }
            for one in outcomes
        ]
        totals = {became: count[became] for became in ("handled", "failed", "waiting", "discarded")}
        print_json({"requeued": len(outcomes), **totals, "letters": listed})
        return
    for one in outcomes:
        show_outcome(one, short[one.letter.id], waits.get(one.letter.id), console)
    if not outcomes:
        console.print("no dead letter to requeue")
    elif len(outcomes) > 1:
        step(", ".join(f"{number:,} {became}" for became, number in count.items()))
