"""How the lab talks to people: colours that mean something, errors that name the next step.

green: as it should be; yellow: look at it; red: wrong; cyan: what something is called; dim: beside the point.
Output into a file has no colours (Rich sees to that), and with ``NO_COLOR`` there are no styles either.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import asyncpg
import orjson
import typer
import typer.rich_utils
from aiokafka.errors import KafkaError
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from kit.settings import what_is_wrong
from lab.backends import BackendError
from lab.load.plan import PlanError
from lab.load.process import LoadFailed
from lab.running.errors import ShopError
from lab.supervision import Interrupted, SupervisionError

_COLOURS: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
console = Console(highlight=False, color_system=_COLOURS)
errors = Console(stderr=True, highlight=False, color_system=_COLOURS)
typer.rich_utils.COLOR_SYSTEM = _COLOURS  # of the help pages

FINDINGS, FAILED, MISUSED = 1, 1, 2


def step(text: str) -> None:
    """One line of progress, on stderr: stdout belongs to results."""
    errors.print(f"[dim]·[/dim] {escape(text)}", soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON document on stdout, for machines."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


def fail(message: str, code: int = FAILED) -> typer.Exit:
    """Says what went wrong; raise what it returns."""
    errors.print(f"[red]error:[/red] {escape(message)}", soft_wrap=True)
    return typer.Exit(code)


@contextmanager
def plain_exit() -> Iterator[None]:
    """The same as ``plain_errors`` for programs that are not part of the ``shop`` command."""
    try:
        with plain_errors():
            yield
    except typer.Exit as ended:
        sys.exit(ended.exit_code)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Expected failures of the block become one message and exit code 1 (128 + n after signal n), no traceback."""
    try:
        yield
    except Interrupted as error:
        raise typer.Exit(error.exit_code) from None
    except (ShopError, SupervisionError, BackendError, LoadFailed, PlanError) as error:
        raise fail(str(error)) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise fail(f"PostgreSQL: {error}; `shop status` says what runs") from None
    except ValidationError as error:
        raise fail(what_is_wrong(error)) from None
    except KafkaError as error:
        raise fail(f"Kafka: {error}; `shop status` says what runs") from None
    except OSError as error:
        raise fail(f"{error}; `shop status` says what runs, `shop doctor` what is missing") from None
