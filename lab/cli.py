"""The ``shop`` command: every subcommand has a module of its own in ``lab.commands``."""

import typer

from lab.commands import (
    audit,
    compare,
    dead_letters,
    demo,
    doctor,
    down,
    events,
    load,
    order,
    replay,
    report,
    seed_history,
    status,
    up,
)

app = typer.Typer(
    name="shop",
    help="Three services that talk by events over Kafka, and the REST chain they replace: run, compare, audit.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(up.up)
app.command()(down.down)
app.command()(status.status)
app.command()(order.order)
app.command()(events.events)
app.command()(load.load)
app.command()(compare.compare)
app.command("report")(report.report_command)
app.command()(audit.audit)
app.command()(replay.replay)
app.add_typer(dead_letters.app, name="dead-letters")
app.command("seed-history")(seed_history.seed_history_command)
app.command()(doctor.doctor)
app.command()(demo.demo)


def main() -> None:
    app()
