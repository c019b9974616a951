"""The ``shop`` command: every subcommand has a module of its own in ``lab.commands``."""

import sys
from collections.abc import Iterable, Mapping
from importlib import import_module

import typer

COMMANDS: Mapping[str, str] = {
    "up": "up:up",
    "down": "down:down",
    "status": "status:status",
    "order": "order:order",
    "events": "events:events",
    "load": "load:load",
    "compare": "compare:compare",
    "report": "report:report_command",
    "audit": "audit:audit",
    "replay": "replay:replay",
    "dead-letters": "dead_letters:app",
    "seed-history": "seed_history:seed_history_command",
    "doctor": "doctor:doctor",
    "demo": "demo:demo",
}
"""Name -> module of ``lab.commands`` and what it is there: a function, or a command that has subcommands of its own."""


def app(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """``shop`` with these subcommands. Only their modules are imported: all of them together take a second."""
    made = typer.Typer(
        name="shop",
        help="Three services that talk by events over Kafka, and the REST chain they replace: run, compare, audit.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(_nothing_before)  # so that one subcommand alone is still called by its name
    for name in names:
        module, _, what = COMMANDS[name].partition(":")
        command = getattr(import_module(f"lab.commands.{module}"), what)
        if isinstance(command, typer.Typer):
            made.add_typer(command, name=name)
        else:
            made.command(name)(command)
    return made


def _nothing_before() -> None:
    pass


def main() -> None:
    app([name for name in sys.argv[1:2] if name in COMMANDS] or COMMANDS)()
