"""Types for what people send: numbers and texts within bounds, said once, the same in every service."""

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

MAX_BIGINT = 2**63 - 1

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def _no_control_characters(text: object) -> object:
    """Looks before white space is stripped: a line break at the end is as wrong as one in the middle."""
    found = _CONTROL.search(text) if isinstance(text, str) else None
    if found:
        raise ValueError(f"control character U+{ord(found[0]):04X} is not allowed")
    return text


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    BeforeValidator(_no_control_characters),
]
"""One line of text a person typed: 1 to 200 characters, no control characters."""

Quantity = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
"""How many pieces: 1 to a million."""

Identifier = Annotated[int, Field(strict=True, ge=1, le=MAX_BIGINT)]
"""A product's number."""

Cents = Annotated[int, Field(strict=True, ge=0, le=10**12)]
"""Money in cents."""


class Body(BaseModel):
    """A request body: camelCase, and a field that nobody knows is an error instead of a silent typo."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Answer(BaseModel):
    """A response body: camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)
