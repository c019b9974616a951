"""``shop audit``: do the three databases add up?"""

import asyncio
from dataclasses import dataclass
from typing import Annotated, cast

import typer
from rich.markup import escape
from rich.table import Table

from events.kafka import Kafka
from kit.kafka_settings import security_here
from kit.settings import Wiring
from lab.audit import Audit, Databases
from lab.audit import audit as run_audit
from lab.commands.chosen import Compose, chosen_shop
from lab.console import FINDINGS, console, fail, plain_errors, print_json
from lab.running.lag import Lag
from lab.running.layout import WIRINGS

_URL = "Of a shop that was not started here: address of a role that may read the database of {}."
_ITS = "Of a shop that was not started here: {}"


@dataclass(frozen=True)
class Foreign:
    """A shop that was started elsewhere, as far as it was told where its parts are; ``kafka`` may be empty."""

    databases: Databases
    kafka: str

    def auditor_url(self, service: str) -> str:
        url: str = getattr(self.databases, service)
        return url

    def broker(self) -> Kafka:
        """Without a prefix: topics are known by the positions, which have their full names."""
        return Kafka(self.kafka, security=security_here())


def audit(
    compose: Compose = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout, with the ids.")] = False,
    deadline: Annotated[float, typer.Option(min=0, help="Seconds to wait for quiet.")] = 30.0,
    cut: Annotated[float, typer.Option(min=0, help="Under load: younger orders (seconds) are in flight.")] = 10.0,
    ids: Annotated[int, typer.Option(min=1, help="Ids to list for each rule.")] = 10,
    orders_db: Annotated[str, typer.Option(envvar="SHOP_AUDIT_ORDERS_URL", help=_URL.format("orders"))] = "",
    products_db: Annotated[str, typer.Option(envvar="SHOP_AUDIT_PRODUCTS_URL", help=_URL.format("products"))] = "",
    delivery_db: Annotated[str, typer.Option(envvar="SHOP_AUDIT_DELIVERY_URL", help=_URL.format("delivery"))] = "",
    wiring: Annotated[
        str, typer.Option(envvar="SHOP_WIRING", help=_ITS.format(f"its wiring, one of {', '.join(WIRINGS)}."))
    ] = "events",
    kafka: Annotated[
        str,
        typer.Option(envvar="KAFKA_BOOTSTRAP_SERVERS", help=_ITS.format("its Kafka, to wait for what is on its way.")),
    ] = "",
) -> None:
    """Check that orders, reservations, deliveries, stock and copies agree. Works under load, too; changes nothing.

    Exit code 0: clean; 1: findings. A shop counts as under load when orders keep arriving for three seconds.

    Example: `shop audit --json | jq .findings`
    """
    given = [orders_db, products_db, delivery_db]
    if any(given) and not all(given):
        raise fail("give the addresses of all three databases, or none for the shop that runs here", code=2)
    if all(given) and wiring not in WIRINGS:
        raise fail(f"there is no wiring {wiring!r}; there are {', '.join(WIRINGS)}", code=2)
    with plain_errors():
        if all(given):
            databases = Databases(orders_db, products_db, delivery_db, cast(Wiring, wiring))
            found = asyncio.run(_foreign(Foreign(databases, kafka), deadline, cut))
        else:
            found = asyncio.run(_own(compose, deadline, cut))
    if as_json:
        print_json(found.as_dict(max(ids, 1000)))
    else:
        show_audit(found, ids)
    raise typer.Exit(0 if found.clean else FINDINGS)


async def _own(compose: str, deadline: float, cut: float) -> Audit:
    layout = chosen_shop(compose)
    if layout.wiring != "events":
        return await run_audit(layout.audited(), deadline=deadline, cut=cut)
    async with Lag(layout) as lag:
        return await run_audit(layout.audited(), lag.total, deadline=deadline, cut=cut)


async def _foreign(shop: Foreign, deadline: float, cut: float) -> Audit:
    if shop.databases.wiring != "events" or not shop.kafka:
        return await run_audit(shop.databases, deadline=deadline, cut=cut)
    async with Lag(shop) as lag:
        return await run_audit(shop.databases, lag.total, deadline=deadline, cut=cut)


def show_audit(found: Audit, ids: int = 10) -> None:
    """A table of the rules, then what was found, then one sentence."""
    table = Table(title="Audit", title_justify="left", show_edge=False)
    table.add_column("rule")
    table.add_column("looked at", justify="right")
    table.add_column("findings", justify="right")
    for check in found.checks:
        colour = "green" if check.count == 0 else "yellow" if check.notice else "red"
        table.add_row(check.rule, f"{check.looked_at:,}", f"[{colour}]{check.count:,}[/{colour}]")
    console.print(table)
    for check in found.checks:
        for thing, wrong in list(check.found.items())[:ids]:
            console.print(f"  [{'yellow' if check.notice else 'red'}]{escape(thing)}[/]: {escape(wrong)}")
        if check.count > ids:
            console.print(f"  [dim]and {check.count - ids:,} more; --json has up to 1,000 ids a rule[/dim]")
    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in found.counts.items())
    verdict = "[green]Everything adds up.[/green]" if found.clean else f"[red]{found.findings:,} findings.[/red]"
    load = " Orders kept arriving, so the youngest were not judged." if found.live else ""
    console.print(f"{verdict} {counts}.{load} [dim]{found.seconds:.1f} s[/dim]")
