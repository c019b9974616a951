"""HTML and SVG out of values. Whatever is not markup already is escaped, so text from outside stays text."""

import re
from collections.abc import Iterable
from html import escape
from typing import TypeAlias


class Markup(str):
    """Text that is markup. Made by ``tag`` and ``joined`` from escaped parts, and by ``trusted`` from files of ours."""

    __slots__ = ()


Child: TypeAlias = "str | Iterable[Child] | None"
"""A ``str`` that is no Markup is text; None is nothing."""

_VOID = {"meta", "br", "hr", "col", "link", "img"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Control characters, lone surrogates, and those that turn the direction of the text around them."""


def text(value: str) -> Markup:
    """The value as text; characters that cannot be seen, or that reorder others, are shown as U+FFFD."""
    return value if isinstance(value, Markup) else Markup(escape(_UNSEEN.sub("\ufffd", value), quote=True))


def joined(*children: Child) -> Markup:
    """All children, one after the other."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        parts.append(text(child) if isinstance(child, str) else joined(*child))
    return Markup("".join(parts))


def tag(name: str, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """``<name attributes>children</name>``. In attributes' names ``_`` stands for ``-`` and one at the end is dropped
    (``class_``); None and False leave the attribute out, True is an attribute without a value, numbers have one digit
    after the point. Names come from code, never from outside: ValueError else."""
    begin = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no element's name")
    if name in _VOID:
        return Markup(f"<{name}{begin}>")
    return Markup(f"<{name}{begin}>{joined(*children)}</{name}>")


def trusted(markup: str) -> Markup:
    """For markup that stands in a file of ours. Never for anything that was read or measured."""
    return Markup(markup)


def _attribute(key: str, value: str | float | bool | None) -> str:
    name = key.rstrip("_").replace("_", "-")
    if not _NAME.fullmatch(name) or name.lower().startswith("on"):
        raise ValueError(f"{name!r} is no attribute that a page without script needs")
    if value is False:
        return ""
    if value is True:
        return f" {name}"
    return f' {name}="{text(value) if isinstance(value, str) else number(value or 0)}"'


def number(value: float) -> str:
    """A coordinate: one digit after the point at most."""
    short = f"{value:.1f}".removesuffix(".0")
    return "0" if short == "-0" else short
