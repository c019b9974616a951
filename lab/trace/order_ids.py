"""The id of the order that a line of the data set became: the same at every run."""

from datetime import UTC, datetime
from hashlib import blake2b
from uuid import UUID

from kit.ids import lowest_id
from lab.trace.lines import Line

AFTER = datetime(2018, 1, 2, tzinfo=UTC)
"""The data set ends before this."""


def order_id(line: Line) -> UUID:
    """A UUIDv7 (RFC 9562) of the business time. Of its 74 random bits the first 24 are the line's number, the others a
    hash of it: so ids ascend as the lines do (RFC 9562, 6.2, method 1), and the highest one says how far a run came."""
    rest = int.from_bytes(blake2b(f"completejourney/{line.number}".encode(), digest_size=8).digest()) >> 14
    tail = line.number << 50 | rest
    return UUID(int=lowest_id(line.at).int | (tail >> 62) << 64 | tail & (1 << 62) - 1)


def line_number(id: UUID) -> int:
    """The number of the line that has this order id."""
    return (id.int >> 64 & 0xFFF) << 12 | id.int >> 50 & 0xFFF
