"""How data of an older major version becomes data of the next one, on read.

An upcaster is a pure function from the older version's JSON object to the next version's. They are applied one after
the other until the catalogue's version is reached. Published events are never rewritten.
"""

from collections.abc import Callable, Mapping
from typing import Any

JsonObject = dict[str, Any]
Upcasters = Mapping[tuple[str, int], Callable[[JsonObject], JsonObject]]

UPCASTERS: Upcasters = {}
"""(type name, version) -> function to version + 1. Empty while every type is at its first version."""


class MissingUpcaster(LookupError):
    """An older version of a type is on the topics and nobody said how to read it."""


def upcast(type_name: str, version: int, to_version: int, data: JsonObject, upcasters: Upcasters) -> JsonObject:
    """``data`` of ``version``, as ``to_version``. Raises MissingUpcaster when a step is missing."""
    for step in range(version, to_version):
        try:
            data = upcasters[type_name, step](data)
        except KeyError:
            raise MissingUpcaster(f"no upcaster from v{step} to v{step + 1} of {type_name}") from None
    return data
