"""The audit: wait until it is quiet, look, and look again at what was suspicious."""

import time
from asyncio import sleep
from datetime import timedelta

from lab.audit.bookkeeping import (
    contradicted_decisions,
    dead_letters,
    nothing_is_prepared,
    nothing_is_undecided,
    outboxes_are_empty,
)
from lab.audit.databases import Databases, snapshot
from lab.audit.orders import check_orders
from lab.audit.product_copy import copy_equals_products, products_state
from lab.audit.promises import last_prices, promises
from lab.audit.quiet import Lag, Stillness, wait_until_quiet
from lab.audit.report import Audit, Check
from lab.audit.stock import STOCK_CHECKS, outdated_prices
from lab.audit.transactions import heuristic_outcomes, none_is_left_open


async def audit(
    databases: Databases,
    lag: Lag | None = None,
    *,
    deadline: float = 30.0,
    cut: float = 10.0,
    pause: float = 2.0,
    stillness: Stillness | None = None,
) -> Audit:
    """Judges a shop, running or not. Changes nothing.

    Waits up to ``deadline`` seconds for quiet; what does not come to rest by then is a finding of its own, and
    everything is judged. While orders keep arriving, orders that changed less than ``cut`` seconds ago are in flight
    and not judged. Either way a suspicion is a finding only if it stands at a second look ``pause`` seconds later.
    ``stillness`` is the outcome of a wait that the caller has done already.
    Raises OSError or asyncpg.PostgresError when a database cannot be read.
    """
    begin = time.monotonic()
    stillness = stillness or await wait_until_quiet(databases, lag, deadline=deadline)
    live = stillness.live
    checks, counts = await _look(databases, live=live, cut=cut, pause=pause)
    if any(check.count and not check.notice for check in checks):
        await sleep(pause)
        again, counts = await _look(databases, live=live, cut=cut, pause=pause)
        checks = [first.confirmed_by(second) for first, second in zip(checks, again, strict=True)]
    if not live:
        quiet = Check(f"quiet within {deadline:g} s", looked_at=1)
        for thing, wrong in stillness.moving.items():
            quiet.add(thing, wrong)
        checks.insert(0, quiet)
    return Audit(checks, counts, live, stillness.waited_seconds, time.monotonic() - begin)


async def _look(databases: Databases, *, live: bool, cut: float, pause: float) -> tuple[list[Check], dict[str, int]]:
    events = databases.wiring == "events"
    expected = None
    if live and events:
        async with snapshot(databases) as before:
            expected = await products_state(before)
        await sleep(pause)  # what products was then, the copy has to be by now
    async with snapshot(databases) as at:
        since = at.taken_at - timedelta(seconds=cut) if live else None
        checks, counts = await check_orders(at, since)
        checks += [await check(at) for check in STOCK_CHECKS]
        checks.append(await nothing_is_prepared(at, since))
        if databases.wiring == "tcc":
            checks.append(await none_is_left_open(at, since))
            checks.append(await heuristic_outcomes(at))
        if databases.wiring == "3pc":
            checks.append(await nothing_is_undecided(at, since))
        if databases.wiring in ("2pc", "3pc"):
            checks.append(await contradicted_decisions(at, databases.wiring))
        if events:
            checks.append(await copy_equals_products(at, expected or await products_state(at), live=live))
            checks.append(await outboxes_are_empty(at, since))
            checks.append(await outdated_prices(at))
        if databases.wiring == "chain-breaker":
            checks.append(await promises(at))
            checks.append(await last_prices(at))
        checks.append(await dead_letters(at))
    return checks, counts
