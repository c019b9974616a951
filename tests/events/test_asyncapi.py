"""The AsyncAPI document says what the catalogue says, and the committed one is today's."""

import json
import subprocess
import sys
from pathlib import Path

from events.asyncapi import document, rendered
from events.catalogue import CATALOGUE
from events.envelope import encode
from tests.events.stand import placed

COMMITTED = Path(__file__).parents[2] / "docs" / "asyncapi.json"


def test_the_committed_document_is_todays() -> None:
    """Otherwise: ``python -m events.asyncapi > docs/asyncapi.json``"""
    assert COMMITTED.read_text() == rendered()


def test_the_command_prints_it() -> None:
    done = subprocess.run([sys.executable, "-m", "events.asyncapi"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == document()


def test_every_event_is_a_message_of_the_channel_of_its_topic() -> None:
    described = document()
    for event in CATALOGUE:
        assert event.__name__ in described["channels"][event.topic]["messages"]
        assert described["components"]["messages"][event.__name__]["name"] == event.wire_type()


def test_every_reference_leads_somewhere() -> None:
    described = document()

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [found for value in node.values() for found in references(value)]
        return [found for value in node for found in references(value)] if isinstance(node, list) else []

    assert references(described)
    for reference in references(described):
        node = described
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_the_headers_are_those_that_are_published() -> None:
    described = document()["components"]["messageTraits"]["cloudEvent"]["headers"]
    published = {name for name, _ in encode(placed())[2]}
    assert published == set(described["required"])
