"""``shop replay``: read topics again, to rebuild a read model, to look into the past, or to feed somebody once more."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import typer
from rich.console import Console

from events.kafka import Kafka
from events.refusals import quiet_client_logs
from lab.commands.chosen import Compose, chosen_shop, in_containers, is_off
from lab.compose.containers import containers
from lab.compose.layout import ComposeLayout
from lab.compose.settings import FILE
from lab.console import console, errors, fail, plain_errors, print_json, step
from lab.replay import showing
from lab.replay.bulk import Progress
from lab.replay.feeding import Fed, feed
from lab.replay.files import writer_of
from lab.replay.moments import HELP, Moment, parse
from lab.replay.outcome import Rebuild
from lab.replay.past import Then, look_back
from lab.replay.reactions import REACTIONS, Refeed, refeed
from lab.replay.rebuild import rebuild
from lab.running.errors import ShopError
from lab.running.shop import ground, shop_layout
from lab.supervision import Home, read_state
from orders_svc.read_models import MODELS

T = TypeVar("T")


class Told(Protocol):
    """What a replay has to tell."""

    def as_dict(self) -> dict[str, Any]: ...


INCOMPLETE = 3
"""Exit code of a look into the past in which something is unknown."""


def replay(
    model: Annotated[str, typer.Argument(help=f"Which read model: {', '.join(MODELS)}.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Build and compare, but do not swap.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Swap even though it differs from the live one.")] = False,
    until: Annotated[str, typer.Option(help=f"The model as it stood then: {HELP}.")] = "",
    since: Annotated[
        str, typer.Option("--from", help="With --until: only events from there on. Alone: feed the live model again.")
    ] = "",
    file: Annotated[Path | None, typer.Option(help="With --until: into this file, .csv or .jsonl.")] = None,
    reaction: Annotated[
        str, typer.Option(help=f"Instead of a model: feed this consumer again, of {', '.join(REACTIONS)}.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="With --reaction: do it, not only say what it would do.")] = False,
    patience: Annotated[float, typer.Option(min=0, help="Seconds for the live model to catch up.")] = 30.0,
    compose: Compose = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Rebuild one of orders' read models from its topics while the shop is open, prove it equal to the live one, swap.

    Nobody sees a half-built model. No consumer group is moved, nothing is published, no reaction is triggered.
    Exit code 0: equal (and swapped); 1: they differ, or it failed; 3: with --until, something is unknown.

    - `--until 10:42` shows what the model said then, in tables of its own (`product_copy_then`) or in a file.
    - `--from 2h` feeds the live model the events of the last two hours once more; what is right stays as it is.
    - `--reaction delivery --from 2h` is for a stopped shop: it says what that service would handle again.

    Example: `shop replay product-copy --check --json`
    """
    if bool(model) == bool(reaction):
        raise fail("name a read model or, with --reaction, a consumer (one of the two)", code=2)
    if model and model not in MODELS:
        raise fail(f"there is no read model {model!r} to replay; there are {', '.join(MODELS)}", code=2)
    if reaction and (reaction not in REACTIONS or not since or until):
        raise fail(f"--reaction takes one of {', '.join(REACTIONS)}, and --from without --until", code=2)
    if ((check or force) and (reaction or since or until)) or (check and force):
        raise fail("--check and --force are for a rebuild, one of them at a time", code=2)
    if file is not None and not until:
        raise fail("--file goes with --until", code=2)
    if yes and not reaction:
        raise fail("--yes goes with --reaction; nothing else asks", code=2)
    with plain_errors():
        if reaction:
            _refeed(compose, reaction, since, yes, as_json)
        elif until:
            _look_back(compose, model, until, since, file, as_json)
        elif since:
            _feed(compose, model, since, as_json)
        else:
            _rebuild(compose, model, check, force, patience, as_json)


def _rebuild(compose: str, model: str, check: bool, force: bool, patience: float, as_json: bool) -> None:
    kafka, url = _open_shop(compose)

    def work(progress: Progress) -> Awaitable[Rebuild]:
        return rebuild(MODELS[model], kafka, url, check=check, force=force, patience=patience, progress=progress)

    done = _with_bar(f"rebuilding {model}", work)
    _tell(done, as_json, showing.show_rebuild)
    if not done.equal and not done.swapped:
        advice = "" if check else "; --force swaps it all the same"
        raise fail(f"the rebuilt {model} differs from the live one and was not swapped in{advice}")


def _look_back(compose: str, model: str, until: str, since: str, file: Path | None, as_json: bool) -> None:
    moment, beginning = parse(until), parse(since) if since else None
    if file is not None:
        writer_of(file)
    kafka, url = _open_shop(compose)

    def work(progress: Progress) -> Awaitable[Then]:
        return look_back(MODELS[model], kafka, url, until=moment, since=beginning, file=file, progress=progress)

    then = _with_bar(f"{model} as of {until}", work)
    _tell(then, as_json, showing.show_then)
    if not then.complete:
        raise fail("not everything that was true then can be known any more; what is unknown was left out", INCOMPLETE)


def _feed(compose: str, model: str, since: str, as_json: bool) -> None:
    moment = parse(since)
    kafka, url = _open_shop(compose)

    def work(progress: Progress) -> Awaitable[Fed]:
        return feed(MODELS[model], kafka, url, since=moment, progress=progress)

    fed = _with_bar(f"feeding {model}", work)
    _tell(fed, as_json, showing.show_fed)


def _refeed(compose: str, consumer: str, since: str, yes: bool, as_json: bool) -> None:
    moment = parse(since)
    if is_off(compose):
        work, start = _refeed_stopped(Home.from_environment(), consumer, moment, yes), "`shop up`"
    else:
        work, start = _refeed_in_containers(in_containers(compose), consumer, moment, yes), "`docker compose start`"
    found = asyncio.run(work)
    _tell(found, as_json, showing.show_refeed)
    if found.done:
        step(f"its positions were set back; {start} starts {consumer}, which reads on from there")
    else:
        step("nothing was changed; --yes does it")


async def _refeed_stopped(home: Home, consumer: str, moment: Moment, really: bool) -> Refeed:
    """On the backends of a shop that is stopped, which are started for it if they are the embedded ones."""
    quiet_client_logs()
    if read_state(home) is not None:
        raise ShopError(f"the shop runs, and {consumer} has its positions in memory: `shop down` first")
    async with ground(home, step, _unheard, _unheard) as on:
        layout = shop_layout(on, "events")
        return await refeed(consumer, layout.broker(), layout.service_url(consumer), since=moment, really=really)


async def _refeed_in_containers(layout: ComposeLayout, consumer: str, moment: Moment, really: bool) -> Refeed:
    """While the backends run and the consumer's container does not."""
    quiet_client_logs()
    if layout.wiring != "events":
        raise ShopError(f"the wiring {layout.wiring} has no reactions")
    if any(one.service == consumer and one.status == "running" for one in containers(layout)):
        stop = f"`docker compose -f {FILE} stop {consumer}` first"
        raise ShopError(f"{consumer} runs, and has its positions in memory: {stop}")
    return await refeed(consumer, layout.broker(), layout.service_url(consumer), since=moment, really=really)


def _unheard(_name: str, _line: str) -> None:
    """What the backends say is in their log files."""


def _open_shop(compose: str) -> tuple[Kafka, str]:
    """The running shop's Kafka, and the address of orders' database."""
    quiet_client_logs()
    layout = chosen_shop(compose)
    if layout.wiring != "events":
        raise ShopError(f"the wiring {layout.wiring} has no read models: `shop up --wiring events`")
    return layout.broker(), layout.service_url("orders")


def _with_bar(title: str, work: Callable[[Progress], Awaitable[T]]) -> T:
    async def run(progress: Progress) -> T:
        return await work(progress)

    with showing.bar(errors) as bar:
        task = bar.add_task(title, total=None)
        return asyncio.run(run(lambda passed, total: bar.update(task, completed=passed, total=max(total, 1))))


def _tell(done: Told, as_json: bool, show: Callable[[Any, Console], None]) -> None:
    if as_json:
        print_json(done.as_dict())
    else:
        show(done, console)
