"""What must stand beside the figures: what they were measured under, and what they do not say by themselves."""

from collections.abc import Iterable, Mapping
from typing import Any

from events.intake import SESSION_SECONDS
from lab.audit.promises import BROKEN_PROMISES
from lab.comparing.failing import told_failed
from lab.comparing.scenarios.load_words import told_arrivals, told_load
from lab.comparing.stopping import how_far
from lab.comparing.summary import Line
from lab.comparing.survivors import told_by_scenario


def told_conditions(document: Mapping[str, Any], rows: list[Line]) -> str:
    """Machine, versions, settings, loads and the commit, in sentences."""
    found = document["conditions"]
    machine = found["machine"]
    text = f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}; {_versions(found['versions'])}; "
    if rows:  # not of a capacity, which is searched with loads of its own
        foreign = max((row.foreign_percent for row in rows if row.foreign_percent is not None), default=0.0)
        text += (
            f"{_measured(document, rows)}; {found['load']}. CPU: {_accounted(found['backends'])}; "
            f"others used up to {foreign:.0f} % of the machine beside it."
        )
    else:
        text += f"{found['load']}."
    if timeout := found.get("pending_timeout_seconds"):
        text += f" An order that stays pending is cancelled after {timeout:g} s."
    idle = max((row.idle_kafka_seconds for row in rows if row.idle_kafka_seconds is not None), default=None)
    if found["commit"]:
        text += f" Commit {found['commit'][:12]}{'+changes' if found['commit'].endswith('+changes') else ''}."
    if idle is not None:
        text += (
            f" Kafka idled beside the synchronous wirings and used up to {idle:.1f} s of CPU in a round, not counted."
        )
    return text


def footnotes(rows: list[Line], document: Mapping[str, Any]) -> list[str]:
    """What somebody who reads only the figures would get wrong."""
    down = [row for row in rows if row.scenario == "products-down"]
    outage = (
        f"products-down: completion includes the outage of {_down_seconds(document):g} s: an order that events "
        "accepted during it settles after it."
    )
    if _down_seconds(document) < SESSION_SECONDS:
        outage += (
            f" A consumer that was killed is given up by its group after {SESSION_SECONDS:g} s: until then nobody "
            "handles its events, although it is back already."
        )
    stale = [
        f"{row.scenario}, {row.wiring}: the product copy showed an old state for {spread.median:,.0f} ms (p99)."
        for row in rows
        if (spread := row.figures["staleness p99"])
    ]
    return [
        *told_by_scenario(rows, document),
        *([outage] if down else []),
        *stale,
        *_promises(document["rounds"]),
        *_told(document["rounds"]),
        *_left_out(rows, document),
    ]


def _down_seconds(document: Mapping[str, Any]) -> float:
    """How long products was to be down: the scenario says it, and in older documents the settings do."""
    if scenario := document.get("scenarios", {}).get("products-down"):
        return float(scenario["faults"][0]["seconds"])
    return float(document["conditions"]["settings"].get("down_seconds", 10.0))


def overridden(found: Mapping[str, Any]) -> str:
    """Settings that were not the defaults, as ``NAME=value``; empty when all were."""
    changed = dict(found["overrides"])
    if found["settings"]["hold_transaction"]:
        changed["SHOP_HOLD_TRANSACTION"] = "true (chain)"
    return ", ".join(f"{name}={value}" for name, value in changed.items())


def _told(rounds: Iterable[Mapping[str, Any]]) -> list[str]:
    """What rounds say of themselves, once each."""
    told = {f"{one['scenario']}, {one['wiring']}: {note}." for one in rounds for note in one.get("notes", ())}
    return sorted(told)


def _left_out(rows: Iterable[Line], document: Mapping[str, Any]) -> list[str]:
    """Rounds that are in no figure: those that may not be used, that failed, and that were never run."""
    found = [f"{row.scenario}, {row.wiring}: a round is left out: {why}." for row in rows for why in row.invalid]
    found += [f"A round failed and is in no figure: {told_failed(one)}" for one in document.get("failed", ())]
    if stopped := document.get("stopped"):
        found.append(f"Stopped before its end, after {how_far(stopped)}.")
    return found


def _promises(rounds: Iterable[Mapping[str, Any]]) -> list[str]:
    """What a wiring accepted on trust, and how much of that it could not keep."""
    made: dict[tuple[str, str], tuple[int, int]] = {}
    for one in rounds:
        for check in (one.get("audit") or {}).get("checks", ()):
            if check["rule"] == BROKEN_PROMISES:
                promised, broken = made.get((one["scenario"], one["wiring"]), (0, 0))
                made[one["scenario"], one["wiring"]] = promised + check["looked_at"], broken + check["count"]
    return [
        f"{scenario}, {wiring}: {promised:,} orders accepted without an answer of delivery, {broken:,} of them broken "
        "promises."
        for (scenario, wiring), (promised, broken) in made.items()
        if promised
    ]


def _versions(found: Mapping[str, str]) -> str:
    names = {"python": "Python", "postgresql": "PostgreSQL", "kafka": "Kafka", "java": "Java"}
    return ", ".join(f"{name} {found[key]}" for key, name in names.items() if key in found)


def _accounted(backends: Mapping[str, str]) -> str:
    """Whose CPU is in the figures; servers of others cannot be accounted for."""
    away = [name for name, where in backends.items() if where == "external"]
    if away:
        return f"services and worker alone, without {' and '.join(away)}, which run elsewhere"
    return "services, sidecars, worker, database and, for events, the broker"


def _measured(document: Mapping[str, Any], rows: list[Line]) -> str:
    """How long and at which rate; without one where every load was a closed loop: the table has its customers."""
    settings = document["conditions"]["settings"]
    return (
        f"{settings['rounds']} x {settings['seconds']:g} s or more after {settings['warmup_seconds']:g} s of "
        f"warm-up{''.join(f', {load}' for load in _loads(document, rows))}"
    )


def _loads(document: Mapping[str, Any], rows: list[Line]) -> list[str]:
    """Open loads: the one that the command says, and then those of scenarios that say another."""
    settings, scenarios = document["conditions"]["settings"], document.get("scenarios", {})
    usual = _load({}, settings)
    found = {
        row.scenario: _load(scenarios.get(row.scenario, {}).get("load", {}), settings)
        for row in rows
        if not row.concurrency
    }
    own = [f"{load} in {scenario}" for scenario, load in found.items() if load != usual]
    return [*([usual] if usual in found.values() else []), *own]


def _load(shape: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    told, arrivals = told_load(shape, settings["rate"]), told_arrivals(shape, settings["arrivals"])
    return f"{told} ({arrivals})" if arrivals else f"{told}"
