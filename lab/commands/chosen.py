"""Which shop a command is about: the one that ``shop up`` runs here, or one in containers."""

from typing import Annotated, cast, get_args

import typer

from lab.compose.layout import ComposeLayout, compose_shop
from lab.compose.settings import Which
from lab.running.errors import ShopError
from lab.running.layout import Layout, running_shop
from lab.supervision import Home

Compose = Annotated[
    str,
    typer.Option(
        "--compose",
        envvar="SHOP_COMPOSE",
        metavar="on|chain|mesh",
        help="The shop in containers instead, or that of a profile.",
    ),
]

_OFF = ("", "off")
_INSIDE = "inside"


def chosen_shop(compose: str) -> Layout:
    """Raises NotRunning, and ShopError for what is no choice."""
    return running_shop(Home.from_environment()) if compose in _OFF else in_containers(compose)


def in_containers(compose: str) -> ComposeLayout:
    """The shop in containers that was named. Raises ShopError for another name."""
    if compose == _INSIDE:
        return compose_shop("on", inside=True)
    if compose not in get_args(Which):
        raise ShopError(f"--compose (or SHOP_COMPOSE) is one of on, chain, mesh, off, not {compose!r}")
    return compose_shop(cast(Which, compose))


def is_off(compose: str) -> bool:
    return compose in _OFF


def is_inside(compose: str) -> bool:
    """Whether this is a container of the shop itself, where no engine can be asked."""
    return compose == _INSIDE
