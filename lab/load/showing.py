"""A load's figures as people read them."""

from collections.abc import Iterator

from rich.table import Table

from lab.load.closing_lines import ClosingLines
from lab.load.kept import Kept
from lab.load.result import LoadResult


def load_lines(result: LoadResult) -> Iterator[str | Table]:
    """Of an open loop."""
    rate = result.offered / result.seconds if result.seconds else 0
    yield f"{result.offered:,} orders in {result.seconds:,.1f} s ({rate:,.1f}/s), {result.accepted:,} accepted"
    yield f"answers: {_answers(result)}; at most {result.most_in_flight:,} under way at a time"
    table = Table(show_edge=False)
    for column in ("ms", "p50", "p95", "p99", "max"):
        table.add_column(column, justify="left" if column == "ms" else "right")
    for name, figures in (("accepted after", result.accept_latency), ("sent too late by", result.late)):
        table.add_row(name, *("-" if value is None else f"{value:,.1f}" for value in figures.values()))
    yield table


def users_lines(result: LoadResult, found: ClosingLines) -> Iterator[str | Table]:
    """Of a closed loop, in the words of siege."""
    yield f"answers: {_answers(result)}"
    table = Table(show_edge=False, show_header=False)
    table.add_column("what")
    table.add_column("how much", justify="right")
    table.add_column("unit")
    for name, value, unit in (
        ("Transactions", f"{found.transactions:,}", "hits"),
        ("Availability", _number(found.availability_percent), "%"),
        ("Elapsed time", _number(found.elapsed_seconds), "s"),
        ("Response time", _number(found.response_seconds, 4), "s"),
        ("Transaction rate", _number(found.transactions_per_second), "a second"),
        ("Concurrency", _number(found.concurrency), ""),
        ("Failed transactions", f"{found.failed:,}", ""),
        ("Longest transaction", _number(found.longest_seconds, 4), "s"),
        ("Shortest transaction", _number(found.shortest_seconds, 4), "s"),
    ):
        table.add_row(name, value, unit)
    yield table


def kept_lines(kept: Kept) -> Iterator[str | Table]:
    """What the shop has of it, side by side with what was offered."""
    sides = {"offered": kept.offered, "accepted": kept.accepted, "refused": kept.refused, "no answer": kept.unanswered}
    sides |= {
        "in orders": kept.kept,
        "confirmed": kept.confirmed,
        "reserved": kept.reserved,
        "delivered": kept.delivered,
    }
    table = Table(show_edge=False)
    for column in ("", "orders", "units"):
        table.add_column(column, justify="right" if column else "left")
    for name, tally in sides.items():
        table.add_row(name, f"{tally.orders:,}", f"{tally.units:,}")
    yield table
    yield "ended: " + (", ".join(f"{count:,} {status}" for status, count in kept.statuses.items()) or "none")
    for what, wrong in list(kept.wrong.items())[:10]:
        yield f"  [red]{what}[/red]: {wrong}"
    if not kept.faults:
        yield "[green]Orders and units add up[/green]: the shop has what it accepted, and nothing that it refused."


def _answers(result: LoadResult) -> str:
    return ", ".join(f"{count:,} x {status}" for status, count in result.statuses.items()) or "none"


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
