"""Blocks of pages that are written from measured documents, never by hand.

``<!-- measured: FILE TABLE [scenario=NAME,NAME] [wiring=NAME,NAME] -->`` begins a block, ``<!-- /measured -->`` ends
it. FILE is one of ``docs/measured``, as `shop compare --json FILE` wrote it; TABLE is a name in ``TABLES``.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from lab.comparing.markdown import TABLES
from lab.running.errors import ShopError

_BLOCK = re.compile(
    r"^(?P<begin><!-- measured: (?P<what>[^\n]*?) -->)\n(?P<body>.*?)^(?P<end><!-- /measured -->)", re.M | re.S
)
_FILTERS = ("wiring", "scenario")


def filled(page: str, measured: Path) -> str:
    """The page with every block written anew from the files in the folder ``measured``.

    Raises ShopError when a block names a file or a table that is not there, when no round of the file is what it asks
    for, or when a block is not closed.
    """
    if page.count("<!-- measured: ") != len(_BLOCK.findall(page)):
        raise ShopError("a block `<!-- measured: ... -->` is not closed by a line `<!-- /measured -->`")
    return _BLOCK.sub(lambda block: f"{block['begin']}\n{_body(block['what'], measured)}\n{block['end']}", page)


def _body(what: str, measured: Path) -> str:
    words = what.split()
    if len(words) < 2:
        raise ShopError(f"a block names a file and a table, as in `wirings.json wirings`, not {what!r}")
    file, table, *filters = words
    if table not in TABLES:
        raise ShopError(f"there is no table {table!r}; there are {', '.join(TABLES)}")
    return TABLES[table](_chosen(_read(measured / file), filters))


def _read(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise ShopError(f"there is no {path.name} in {path.parent}; `shop compare --json FILE` writes one") from None
    except orjson.JSONDecodeError as error:
        raise ShopError(f"{path}: {error}; `shop compare --json FILE` writes it anew") from None
    return document


def _chosen(document: Mapping[str, Any], filters: list[str]) -> dict[str, Any]:
    """The document with the rounds of those scenarios and wirings alone, in the order in which they are named."""
    wanted = dict(text.split("=", 1) for text in filters if "=" in text)
    if len(wanted) < len(filters) or not wanted.keys() <= set(_FILTERS):
        raise ShopError(f"a block chooses by scenario=NAME,NAME and wiring=NAME,NAME, not {' '.join(filters)!r}")
    rounds = list(document["rounds"])
    for key in _FILTERS:
        if key in wanted:
            names = wanted[key].split(",")
            if missing := [name for name in names if all(one[key] != name for one in rounds)]:
                raise ShopError(f"no round has the {key} {', '.join(missing)}")
            rounds = [one for name in names for one in rounds if one[key] == name]
    return {**document, "rounds": rounds}
