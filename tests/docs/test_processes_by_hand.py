"""The commands of "The processes by hand" can be typed as they stand: each process with the database of its service."""

import re
from pathlib import Path

from lab.running.layout import SERVICES

PAGE = Path(__file__).parents[2] / "docs" / "running.md"


def blocks() -> list[str]:
    section = PAGE.read_text().partition("## The processes by hand\n")[2].partition("\n## ")[0]
    return re.findall(r"^```\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


def test_each_process_has_a_terminal_of_its_own_with_its_service_s_database() -> None:
    once, *terminals = blocks()
    assert "deploy/postgres/databases.sql" in once
    assert "python -m events.topics" in once
    for terminal in terminals:
        url, *commands = terminal.splitlines()
        service = re.fullmatch(r"export SHOP_DATABASE_URL=postgresql://(\w+):secret@127.0.0.1:5432/\1", url)
        assert service
        assert {re.match(r"python -m (\w+)_svc\b", command)[1] for command in commands} == {service[1]}  # type: ignore[index]


def test_every_service_is_migrated_and_then_serves_and_only_the_last_command_stays() -> None:
    serving = [terminal.splitlines()[1:] for terminal in blocks()[1:]]
    by_service = {commands[-1]: commands[:-1] for commands in serving}
    for service in SERVICES:
        assert f"python -m {service}_svc migrate" in by_service[f"python -m {service}_svc"]
    assert all(re.search(r" (migrate|seed)$", command) for before in by_service.values() for command in before)
