"""New identifiers."""

from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): ordered by time of creation, so that indexes grow at one end and pages can follow it."""
    return uuid_utils.compat.uuid7()
