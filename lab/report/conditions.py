"""Under what the figures were measured: figures of another machine or other settings are other figures."""

from collections.abc import Iterator, Mapping
from typing import Any

from lab.report.markup import Child, Markup, tag
from lab.report.numbers import number
from lab.report.reading import Comparison, table
from lab.report.tables import pending_timeout, scrolling


def conditions(found: Comparison) -> Markup:
    """Machine, versions, settings, command, and who else used the machine."""
    body = [tag("tr", tag("th", name, scope="row"), tag("td", value, class_="words")) for name, value in _rows(found)]
    settings = [
        tag("tr", tag("th", name, scope="row"), tag("td", _plain(value), class_="words"))
        for name, value in found.settings.items()
    ]
    return tag(
        "section",
        tag("h2", "Conditions"),
        scrolling("Under what this was measured", ["what", "was"], body, look="text"),
        tag(
            "details",
            tag("summary", "All settings"),
            scrolling("Settings of the run", ["setting", "value"], settings, look="text"),
        )
        if settings
        else None,
        _scenarios(found),
        id="conditions",
    )


def _rows(found: Comparison) -> Iterator[tuple[str, Child]]:
    told = found.conditions
    machine, versions = table(told, "machine"), table(told, "versions")
    yield "command", tag("code", str(told.get("command") or "not told"))
    yield "measured at", str(told.get("at") or "not told")
    yield "commit", tag("code", str(told.get("commit") or "not told"))
    yield "processor", str(machine.get("cpu") or "not told")
    yield "cores", str(machine.get("cores") or "not told")
    yield "memory", f"{machine['memory_gib']} GiB" if machine.get("memory_gib") else "not told"
    yield "system", str(machine.get("system") or "not told")
    if machine.get("load_before"):
        yield "load before (1, 5, 15 minutes)", _plain(machine["load_before"])
    yield "others used", _others(found)
    yield "versions", ", ".join(f"{name} {version}" for name, version in versions.items()) or "not told"
    yield "backends", ", ".join(f"{n}: {where}" for n, where in table(told, "backends").items()) or "not told"
    yield "pending orders", pending_timeout(found)
    changed = table(told, "overrides")
    yield "not the defaults", ", ".join(f"{name}={value}" for name, value in changed.items()) or "nothing"
    yield "load", str(told.get("load") or "not told")
    if told.get("read_models"):
        yield "read models", str(told["read_models"])
    if idle := _idle_kafka(found):
        yield "Kafka beside synchronous wirings", idle


def _others(found: Comparison) -> str:
    shares = [number(table(one, "cpu").get("foreign_percent_of_machine")) for one in found.rounds]
    known = [share for share in shares if share is not None]
    return f"{min(known):.0f} to {max(known):.0f} % of the machine, by round" if known else "not told"


def _idle_kafka(found: Comparison) -> str | None:
    """The broker idles there; what that costs is told, and is in no figure."""
    idle = [
        seconds
        for one in found.rounds
        if table(one, "cpu").get("kafka_counted") is False
        and (seconds := number(table(table(one, "cpu"), "seconds").get("kafka"))) is not None
    ]
    return f"idle, used up to {max(idle):.1f} s of CPU in a round, which is in no figure" if idle else None


def _scenarios(found: Comparison) -> Markup | None:
    """The scenarios' files as they were."""
    told = table(found.document, "scenarios")
    made: list[Markup] = []
    for name, scenario in told.items():
        if isinstance(scenario, Mapping):
            items = [tag("div", tag("dt", key), tag("dd", _plain(value))) for key, value in scenario.items()]
            made += [tag("h3", name), tag("dl", items)]
    return tag("details", tag("summary", "Scenarios as they were set"), made) if made else None


def _plain(value: Any) -> str:
    """Nested values in one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_plain(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(each) for each in value)
    return "-" if value is None else str(value)
