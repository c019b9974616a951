"""A comparison of shops that run in containers already, next to each other."""

from collections.abc import Mapping
from typing import Any, get_args

import aiohttp

from lab.comparing.comparison import Say, Watch, run_rounds
from lab.comparing.conditions import conditions
from lab.comparing.container_rounds import ContainerRounds
from lab.comparing.scenarios import Scenario
from lab.comparing.settings import CompareSettings
from lab.compose.layout import ComposeLayout, compose_shop
from lab.compose.settings import FILE, Which
from lab.running.errors import ShopError
from lab.running.layout import SERVICES

_POSSIBLE = {"kill", "hang", "prices"}
_LOAD = "latency from the intended send time; shops and backends run in bounded containers, all of them all the time"


async def compare_containers(
    settings: CompareSettings,
    say: Say,
    *,
    inside: bool,
    watch: Watch | None = None,
    document: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """As ``compare_wirings``, on the shops that the compose file and its profiles run. ``inside``: from a container of
    the same project. Raises ShopError for what containers cannot do, and when a shop is not there."""
    document = {} if document is None else document
    scenarios, shops = settings.chosen(), shops_of(settings, inside)
    check_possible(scenarios, inside)
    for layout in shops.values():
        await _check_ready(layout)
    told = await conditions(settings, next(iter(shops.values())), embedded=[])
    document["rounds"] = []
    document["conditions"] = told | {
        "backends": dict.fromkeys(told["backends"], "container"),
        "read_models": "events keep all read models, each in a container",
        "load": f"{_LOAD}; the generator {'runs in one, too' if inside else 'shares their machine'}",
    }
    return await run_rounds(
        ContainerRounds(shops, settings, scenarios, say), settings, say, watch=watch, document=document
    )


def shops_of(settings: CompareSettings, inside: bool) -> dict[str, ComposeLayout]:
    """By wiring. Raises ShopError when no shop in containers is wired that way."""
    known: dict[str, ComposeLayout] = {}
    for which in get_args(Which):
        layout = compose_shop(which, inside=inside)
        known.setdefault(layout.wiring, layout)
    for wiring in settings.wirings:
        if wiring not in known:
            raise ShopError(
                f"no shop in containers is wired {wiring}: there are {', '.join(known)}; SHOP_CHAIN_WIRING={wiring} "
                "in .env gives the profile `chain` that wiring"
            )
    if settings.hold_transaction:
        raise ShopError("--hold-transaction is told to services when they start; those in containers run already")
    return {wiring: known[wiring] for wiring in settings.wirings}


def check_possible(scenarios: Mapping[str, Scenario], inside: bool) -> None:
    """Raises ShopError for a scenario that would have to start services anew, or to kill them from inside."""
    for name, scenario in scenarios.items():
        kinds = {fault.kind for fault in scenario.faults}
        if scenario.told or kinds - _POSSIBLE:
            raise ShopError(f"{name} tells services other settings, and those in containers run already: leave it out")
        if inside and kinds & {"kill", "hang"}:
            raise ShopError(
                f"{name} takes containers away, which none of them can do: leave it out (--scenario healthy), or run "
                "`shop compare --compose on` outside"
            )


async def _check_ready(layout: ComposeLayout) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        for service in SERVICES:
            try:
                async with session.get(f"{layout.itself(service)}/health/ready") as answer:
                    reason = "" if answer.status == 200 else (await answer.text())[:300]
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                reason = str(error) or type(error).__name__
            if reason:
                profile = f"--profile {layout.name} " if layout.name else ""
                raise ShopError(
                    f"{layout.container(service)} is not ready ({reason}); "
                    f"`docker compose -f {FILE} {profile}up --wait` starts it"
                )
