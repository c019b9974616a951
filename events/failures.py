"""Which failures pass by themselves, and how long to wait between tries."""

import random

import asyncpg
from aiokafka.errors import KafkaError

from kit import database

_TRANSIENT = ("25006", "25P03")  # read_only_sql_transaction, idle_in_transaction_session_timeout


def is_transient(error: BaseException) -> bool:
    """Whether the same work can succeed later although nothing about it changes: the broker or the database is away
    (or a read-only standby by now), this process slept too long, or two transactions got in each other's way."""
    if isinstance(error, asyncpg.InterfaceError):
        return "clos" in str(error) or "released" in str(error)  # anything else is a call that can never work
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate in _TRANSIENT:
        return True
    return isinstance(error, KafkaError) or database.is_transient(error)


class Backoff:
    """Growing pauses in seconds, doubled each time up to ``longest``, each shortened at random by up to a half."""

    def __init__(self, first: float = 0.05, longest: float = 2.0) -> None:
        self._first = self._pause = first
        self._longest = longest

    def next(self) -> float:
        pause, self._pause = self._pause, min(self._pause * 2, self._longest)
        return pause * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        self._pause = self._first
