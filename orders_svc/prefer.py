"""The ``Prefer: wait=N`` request header (RFC 7240)."""

import re
from collections.abc import Iterable

LONGEST_WAIT_SECONDS = 30

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_BLANKS = r"[ \t]*+"
_PARAMETER = rf"{_TOKEN}(?:{_BLANKS}={_BLANKS}(?:{_TOKEN}|{_QUOTED})?)?"
_PREFERENCE = re.compile(
    rf"{_BLANKS}(?:(?P<name>{_TOKEN})(?:{_BLANKS}={_BLANKS}(?P<value>{_TOKEN}|{_QUOTED})?)?"
    rf"(?:{_BLANKS};{_BLANKS}(?:{_PARAMETER})?)*)?{_BLANKS}(?:,|$)"
)
"""Blanks and tokens are possessive (``*+``, ``++``): each has one way to match, so that a header takes time in
proportion to its length, whatever is in it."""


def wait_seconds(headers: Iterable[str]) -> int | None:
    """How long the client is willing to wait, at most ``LONGEST_WAIT_SECONDS``; None when it does not say.

    A preference is a wish: one that is unknown or cannot be read is ignored (RFC 7240, section 2), and of several
    ``wait`` the first counts.
    """
    for header in headers:
        position = 0
        while position < len(header):
            preference = _PREFERENCE.match(header, position)
            if preference is None:
                break
            position = preference.end()
            if (preference["name"] or "").lower() == "wait":
                value = preference["value"] or ""
                if not (value.isascii() and value.isdecimal()):
                    return None
                return min(int(value[:9]), LONGEST_WAIT_SECONDS)
    return None
