"""Which dead letters a person means: by their ids, or by what they have in common."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lab.dead_letters.letters import Letter
from lab.running.errors import ShopError

_ENOUGH = 4


class NoSuchLetter(ShopError):
    """An id that is nobody's, or several's."""


class ConditionError(ValueError):
    """A condition that cannot be understood."""


def by_id(letters: Sequence[Letter], given: str) -> Letter:
    """The one whose id begins or ends so. Raises NoSuchLetter."""
    wanted = given.strip().lower()
    if len(wanted) < _ENOUGH:
        raise NoSuchLetter(f"{given!r} is too short: give at least {_ENOUGH} characters of a dead letter's id")
    found = [letter for letter in letters if str(letter.id).startswith(wanted) or str(letter.id).endswith(wanted)]
    if not found:
        raise NoSuchLetter(f"there is no dead letter {given!r}; `shop dead-letters list` names them")
    if len(found) > 1:
        some = ", ".join(str(letter.id) for letter in found[:3]) + (", ..." if len(found) > 3 else "")
        raise NoSuchLetter(f"{given!r} could be {len(found)} dead letters ({some}); give more of the id, or its end")
    return found[0]


@dataclass(frozen=True)
class Condition:
    """``FIELD=VALUE`` (is) or ``FIELD~VALUE`` (contains, in any case)."""

    field: str
    contains: bool
    value: str

    def fits(self, letter: Letter) -> bool:
        values = [value.lower() for value in FIELDS[self.field](letter)]
        wanted = self.value.lower()
        return any(wanted in value for value in values) if self.contains else wanted in values


def condition(text: str) -> Condition:
    """Raises ConditionError."""
    parts = re.fullmatch(r"(\w+)\s*([=~])\s*(\S.*)", text.strip(), re.DOTALL)
    if parts is None:
        raise ConditionError(f"{text!r} is no condition: write FIELD=VALUE, or FIELD~TEXT for what contains a text")
    field, operator, value = parts.groups()
    if field not in FIELDS:
        raise ConditionError(f"there is no field {field!r}; there are {', '.join(FIELDS)}")
    return Condition(field, operator == "~", value)


def fitting(letters: Iterable[Letter], conditions: Sequence[Condition]) -> list[Letter]:
    """Those that all conditions fit."""
    return [letter for letter in letters if all(one.fits(letter) for one in conditions)]


def _topic_names(letter: Letter) -> list[str]:
    """With and without the shop's prefix."""
    return [letter.topic, letter.topic.rpartition(".")[2]]


def _type_names(letter: Letter) -> list[str]:
    """``shop.orders.OrderPlaced.v1`` is also ``shop.orders.OrderPlaced``, ``OrderPlaced.v1`` and ``OrderPlaced``."""
    names = [letter.event_type or "", letter.event]
    return [*names, *(name.rpartition(".v")[0] for name in names if ".v" in name)]


FIELDS: dict[str, Callable[[Letter], list[str]]] = {
    "service": lambda letter: [letter.service],
    "consumer": lambda letter: [letter.consumer],
    "topic": _topic_names,
    "type": _type_names,
    "key": lambda letter: [letter.aggregate],
    "error": lambda letter: [letter.error],
}
