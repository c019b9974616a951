"""Transactions in doubt: prepared, and nobody has come to finish them. The coordinator is asked; until it answers they
stay, with their locks. That is the protocol's blocking, and there is no way round it inside the protocol."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from kit.periodic import every
from kit.problems import Problem
from kit.two_phase import telemetry
from kit.two_phase.transactions import InDoubt, PreparedTransactions

log = structlog.get_logger()

Ask = Callable[[UUID], Awaitable[bool | None]]
"""The coordinator's decision: whether it is to be committed; None when the coordinator does not answer."""

_REMEMBERED = timedelta(days=1)


class Recovery:
    """Asks about each prepared transaction that is older than ``after_seconds`` and does what it is told, for
    ever. Any number of replicas may do so."""

    def __init__(self, transactions: PreparedTransactions, ask: Ask, *, after_seconds: float) -> None:
        self._transactions = transactions
        self._ask = ask
        self._after_seconds = after_seconds
        self._silent = False

    async def run(self) -> None:
        await every(min(max(self._after_seconds / 5, 0.05), 1.0), self.sweep)

    async def sweep(self) -> None:
        """One look. Stops asking at the first question that gets no answer: the next look begins anew."""
        for one in await self._transactions.in_doubt():
            if one.age >= self._after_seconds and not await self._resolve(one):
                break
        await self._transactions.forget(datetime.now(UTC) - _REMEMBERED)

    async def _resolve(self, one: InDoubt) -> bool:
        commit = await self._ask(one.transaction_id)
        if commit is None:
            if not self._silent:
                log.warning(
                    "in doubt, and the coordinator does not answer: its locks stay",
                    transaction=str(one.transaction_id),
                    age_seconds=round(one.age, 1),
                )
            self._silent = True
            return False
        self._silent = False
        how = "commit" if commit else "rollback"
        try:
            await (self._transactions.commit if commit else self._transactions.rollback)(one.transaction_id)
        except Problem as problem:  # finished by somebody else between the look and now
            log.info("a transaction in doubt was finished meanwhile", reason=problem.detail)
            return True
        telemetry.RECOVERED.labels(how).inc()
        log.info("a transaction in doubt was finished", transaction=str(one.transaction_id), how=how)
        return True
