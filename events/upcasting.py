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


class UpcastFailed(ValueError):
    """Data that an upcaster could not make sense of."""


def upcast(type_name: str, version: int, to_version: int, data: JsonObject, upcasters: Upcasters) -> JsonObject:
    """``data`` of ``version``, as ``to_version``. Raises MissingUpcaster or UpcastFailed."""
    for step in range(version, to_version):
        upcaster = upcasters.get((type_name, step))
        if upcaster is None:
            raise MissingUpcaster(f"no upcaster from v{step} to v{step + 1} of {type_name}")
        try:
            data = upcaster(data)
        except Exception as error:
            raise UpcastFailed(f"v{step} of {type_name} cannot be upcast: {error!r}") from error
    return data
