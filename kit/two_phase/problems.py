"""What a participant in two-phase commit answers when it cannot do what it is asked."""

from uuid import UUID

from kit.problems import Problem

TOO_MANY = "too-many-prepared"
LOCKED = "locked"
BUSY = (TOO_MANY, LOCKED)
"""Kinds of the refusals that say nothing about the request: come back later."""


def too_many(limit: int) -> Problem:
    """503. PostgreSQL has a fixed number of places for prepared transactions; these are all in use."""
    return _later(TOO_MANY, "Too many transactions are prepared", f"{limit} are prepared or being prepared already")


def no_places_at_all() -> Problem:
    """503. PostgreSQL keeps none unless it is told to."""
    detail = "the database server has max_prepared_transactions = 0; set it to 64 and restart the server"
    return _later("no-prepared-transactions", "Transactions cannot be prepared", detail)


def locked(seconds: float) -> Problem:
    """503. A row that is needed is held by a transaction that is not decided yet."""
    detail = f"what it needs is held by a transaction that was not finished within {seconds:g} s"
    return _later(LOCKED, "A row is locked", detail)


def being_finished(transaction_id: UUID) -> Problem:
    return _later("being-finished", "Somebody else is just finishing it", f"transaction {transaction_id}; ask again")


def voted_already(transaction_id: UUID) -> Problem:
    detail = f"transaction {transaction_id} was prepared here before, and stays as it is"
    return Problem(409, "voted-already", "There was a vote already", detail, transactionId=str(transaction_id))


def committed_already(transaction_id: UUID) -> Problem:
    detail = f"transaction {transaction_id} was committed here, it cannot be rolled back"
    return Problem(409, "committed-already", "It was committed", detail, transactionId=str(transaction_id))


def rolled_back_meanwhile(transaction_id: UUID) -> Problem:
    detail = f"transaction {transaction_id} was rolled back while it was being prepared"
    return Problem(409, "rolled-back", "It was rolled back", detail, transactionId=str(transaction_id))


def unknown_transaction(transaction_id: UUID) -> Problem:
    """404. By presumed abort that is also what became of every transaction that was rolled back."""
    detail = f"no transaction {transaction_id} is prepared here, and none was committed"
    return Problem(404, "unknown-transaction", "Unknown transaction", detail, transactionId=str(transaction_id))


def _later(kind: str, title: str, detail: str) -> Problem:
    return Problem(503, kind, title, detail, headers={"Retry-After": "1"})
