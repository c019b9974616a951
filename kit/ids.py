"""New identifiers."""

from datetime import datetime
from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): ordered by time of creation, so that indexes grow at one end and pages can follow it."""
    return uuid_utils.compat.uuid7()


def lowest_id(at: datetime) -> UUID:
    """The lowest UUIDv7 of that millisecond: every ``new_id`` made from then on is higher."""
    return UUID(int=round(at.timestamp() * 1000) << 80 | 7 << 76 | 0b10 << 62)
