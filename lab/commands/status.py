"""``shop status``: what runs, what waits, what is stale."""

import asyncio
import time
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from lab.commands.chosen import Compose, in_containers, is_inside, is_off
from lab.compose.containers import containers, documents
from lab.compose.docker import memory
from lab.console import console, plain_errors, print_json
from lab.running.errors import NotRunning
from lab.running.layout import running_shop
from lab.supervision import Home, read_state
from lab.watching import tries
from lab.watching.breakers import links
from lab.watching.mesh import links as mesh_links
from lab.watching.status import WELL, is_well, look
from lab.watching.status import status as look_here


def status(
    compose: Compose = "", as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False
) -> None:
    """Show processes, lag per consumer, outboxes, dead letters, staleness, and transactions that are prepared and not
    finished, with what they lock. Exit code 0: all is well; 1: it is not.

    Well: every process and replica is ready, everything answers, there are no dead letters, no event waits in an outbox
    for more than 10 s, no consumer is more than 1,000 events behind, and the product copy is not stale for over 10 s.
    With chain-breaker: no circuit breaker is open. With chain-mesh: no sidecar has ejected a host. With tcc: no
    transaction is open for more than 15 s. With 2pc and 3pc: none stays prepared or undecided for over 10 s.

    In containers, processes are containers: what has ended stands there with its exit code.

    Example: `shop status --json`
    """
    with plain_errors():
        found = asyncio.run(_here() if is_off(compose) else _in_containers(compose))
    if as_json:
        print_json(found)
    else:
        _show(found)
    raise typer.Exit(0 if is_well(found) else 1)


async def _here() -> dict[str, Any]:
    home = Home.from_environment()
    layout, run = running_shop(home), read_state(home)
    if run is None:
        raise NotRunning
    return await look_here(layout, run)


async def _in_containers(compose: str) -> dict[str, Any]:
    """From inside, no engine can be asked: there the services speak for themselves."""
    layout = in_containers(compose)
    if is_inside(compose):
        return await look(layout, [], time.time())
    found = containers(layout)
    ports = {layout.container(service): port for service, port in layout.ports.items()}
    since = min((one.since for one in found if one.status == "running"), default=time.time())
    used = memory([one.id for one in found if one.status == "running"])
    return await look(layout, documents(found, ports, used), since)


def _show(found: dict[str, Any]) -> None:
    console.print(f"wiring [cyan]{found['wiring']}[/cyan], up for {_age(found['up_seconds'])}")
    console.print(_processes(found))
    if "consumers" in found:
        console.print(_consumers(found))
    for service, backlog in found.get("outbox", {}).items():
        if backlog["rows"] and found["wiring"] == "events":
            age = _age(backlog["oldest_seconds"])
            console.print(f"outbox of {service}: [yellow]{backlog['rows']} events wait[/yellow], the oldest for {age}")
    for service, count in found.get("dead_letters", {}).items():
        if count:
            console.print(f"dead letters of {service}: [red]{count}[/red]; `shop dead-letters list` names them")
    if any(found.get("prepared", {}).values()):
        console.print(_prepared(found["prepared"]))
    for service, undecided in found.get("undecided", {}).items():
        if undecided:
            oldest = _age(undecided[0]["age_seconds"])
            console.print(f"undecided in {service}: [yellow]{len(undecided)} orders[/yellow], the oldest for {oldest}")
    if "product_copy" in found:
        copy = found["product_copy"]
        fresh = "[green]fresh[/green]" if not copy["behind"] else f"[yellow]{copy['behind']} behind[/yellow]"
        console.print(f"product copy: {fresh}, {copy['products']} products, stale for {copy['stale_seconds']:.1f} s")
    for link, state in links(found.get("breakers", {})):
        console.print(f"circuit of {link}: [{'green' if state == 'closed' else 'red'}]{state}[/]")
    if "mesh" in found:
        console.print(_mesh(found))
    if "promises" in found:
        promises = ", ".join(f"{count} {state}" for state, count in found["promises"].items())
        colour = "yellow" if found["promises"]["broken"] else "green"
        console.print(f"promises (accepted without an answer of delivery): [{colour}]{promises}[/]")
    if "orders" in found:
        orders = ", ".join(f"{count} {state}" for state, count in found["orders"].items()) or "none yet"
        console.print(f"orders: {orders}")
    if "tcc" in found:
        for line in tries.lines(found["tcc"]):
            console.print(line)
    for alarm in found["alarms"]:
        console.print(f"[red]alarm:[/red] {escape(alarm)}")
    for what, reason in found["unreachable"].items():
        console.print(f"[red]{what} cannot be reached:[/red] {reason}")


def _processes(found: dict[str, Any]) -> Table:
    table = Table(show_edge=False)
    for name in ("process", "state", "pid", "port", "for", "restarts", "memory", "ready"):
        table.add_column(name, justify="right" if name in ("pid", "port", "restarts", "memory") else "left")
    for one in found["processes"]:
        reasons = found["ready"].get(one["name"])
        ready = "" if reasons is None else "[green]yes[/green]" if not reasons else f"[red]{_words(reasons)}[/red]"
        colour = "green" if one["state"] in WELL else "yellow"
        table.add_row(
            f"[cyan]{one['name']}[/cyan]",
            f"[{colour}]{one['state']}[/{colour}]",
            str(one["pid"] or "-"),
            str(one["port"] or "-"),
            _age(one["since_seconds"]),
            str(one["restarts"]),
            "-" if one["memory_mib"] is None else f"{one['memory_mib']:.0f} MiB",
            ready,
        )
    return table


def _consumers(found: dict[str, Any]) -> Table:
    table = Table(show_edge=False)
    for name in ("consumer", "database of", "lag by its own positions", "lag by Kafka's group"):
        table.add_column(name, justify="right" if name.startswith("lag") else "left")
    for one in found["consumers"]:
        colour = "green" if one["lag"] == 0 else "yellow"
        group = "-" if one["group_lag"] is None else str(one["group_lag"])
        table.add_row(f"[cyan]{one['consumer']}[/cyan]", one["service"], f"[{colour}]{one['lag']}[/{colour}]", group)
    return table


def _prepared(found: dict[str, list[dict[str, Any]]]) -> Table:
    table = Table(show_edge=False, title="prepared, not finished", title_justify="left")
    for name in ("database of", "transaction", "for", "tables locked", "rows", "waiting"):
        table.add_column(name, justify="right" if name == "waiting" else "left", overflow="fold")
    for service, transactions in found.items():
        for one in transactions:
            locks = ", ".join(dict.fromkeys(lock.partition(" ")[0] for lock in one["locks"]))
            rows = ", ".join(one["rows"])
            age, waiting = _age(one["age_seconds"]), str(one["waiting"])
            table.add_row(service, f"[yellow]{escape(one['name'])}[/yellow]", age, locks, rows, waiting)
    return table


def _mesh(found: dict[str, Any]) -> Table:
    table = Table(show_edge=False)
    for name in ("mesh", "ejected now", "ejections", "overflowed", "without host"):
        table.add_column(name, justify="left" if name == "mesh" else "right")
    for link, seen in mesh_links(found["mesh"]):
        ejected = f"[{'red' if seen['ejected'] else 'green'}]{seen['ejected']} of {seen['hosts']}[/]"
        counts = (str(seen[name]) for name in ("ejections", "overflowed", "without_host"))
        table.add_row(f"[cyan]{link}[/cyan]", ejected, *counts)
    return table


def _words(reasons: dict[str, str]) -> str:
    return "; ".join(f"{name}: {reason}" for name, reason in reasons.items())


def _age(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
