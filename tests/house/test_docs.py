"""What the pages promise is there: links, commands, events, settings."""

import re
from pathlib import Path

import pytest
from pydantic import AliasChoices
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from delivery_svc.settings import DeliverySettings
from events.catalogue import CATALOGUE
from events.topics import TopicSettings
from kit.settings import ServiceSettings
from lab.cli import COMMANDS
from orders_svc.read_models.__main__ import WorkerSettings
from orders_svc.settings import OrdersSettings
from products_svc.settings import ProductsSettings
from tests.house.tree import ROOT, modules, pages, text

SETTINGS = (ServiceSettings, OrdersSettings, ProductsSettings, DeliverySettings, WorkerSettings, TopicSettings)

OF_OTHERS = {"KAFKA_BOOTSTRAP_SERVERS", "JAVA_HOME", "XDG_CACHE_HOME"}
"""Variables without our prefix that the shop command reads."""

PUBLISHERS = {"orders": "orders", "stock": "products", "products": "products", "deliveries": "delivery"}
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", pages(), ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(_without_code(text(page))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page.parent / name).resolve() if name else ROOT / page
        assert path.exists(), f"{page}: {target}"
        if anchor and path.suffix == ".md":
            assert anchor in _anchors(path.read_text(encoding="utf-8")), f"{page}: {target}"


def test_every_page_of_docs_can_be_found() -> None:
    linked = {
        (ROOT / page.parent / target.partition("#")[0]).resolve()
        for page in pages()
        for target in LINK.findall(text(page))
    }
    lost = [str(page) for page in pages() if page.parts[0] == "docs" and (ROOT / page).resolve() not in linked]
    assert lost == []


@pytest.mark.parametrize("event", CATALOGUE, ids=lambda event: event.__name__)
def test_every_event_is_on_the_page_of_its_publisher(event: type) -> None:
    publisher = PUBLISHERS[event.topic]  # type: ignore[attr-defined]
    published = _section(text(Path(f"docs/services/{publisher}.md")), "Events published")
    assert f"`{event.__name__}`" in published


def test_make_commands_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text(Path("Makefile")), re.MULTILINE))
    for page in pages():
        for command in re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)", text(page), re.MULTILINE):
            assert set(command) & targets, f"{page}: make {command}"


def test_shop_commands_exist() -> None:
    for page in pages():
        for command in re.findall(r"(?:^\.venv/bin/|`(?:\.venv/bin/)?)shop ([a-z][a-z-]*)", text(page), re.MULTILINE):
            assert command in COMMANDS, f"{page}: shop {command}"


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings.__name__)
def test_every_setting_is_documented_with_its_default(settings: type[BaseSettings]) -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]*?) \|", text(Path("docs/running.md")), re.MULTILINE))
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        variable = alias.choices[0] if isinstance(alias, AliasChoices) else f"SHOP_{name.upper()}"
        assert variable in rows, f"{settings.__name__}: {variable} is not in docs/running.md"
        if field.default not in (PydanticUndefined, None) and name != "port":
            assert rows[str(variable)] == f"`{_as_written(field.default)}`", variable
        if name == "port":
            assert str(field.default) in rows["SHOP_PORT"] or settings.__name__.startswith(("Service", "Worker"))


def test_every_variable_of_the_shop_command_is_documented() -> None:
    """Those that the lab reads itself, and those that it sets for its processes."""
    sources = [text(path) for path in modules() if path.parts[0] == "lab"]
    named = {name for source in sources for name in re.findall(r"\bSHOP_[A-Z_]*[A-Z]\b", source)}
    outside = {name for name in OF_OTHERS for source in sources if f'"{name}"' in source}
    ports = {f"SHOP_{service}_PORT" for service in ("ORDERS", "PRODUCTS", "DELIVERY")}
    page = _section(text(Path("docs/running.md")), "Settings of the shop command")
    assert outside == OF_OTHERS
    assert {name for name in named | ports | outside if f"`{name}`" not in page and f"`{name}=" not in page} == set()


def _as_written(default: object) -> str:
    """A default as one would write it in the environment."""
    return str(default).lower() if isinstance(default, bool) else str(default).removesuffix(".0")


def _section(page: str, title: str) -> str:
    """The text below a heading, up to the next one. Raises AssertionError when there is none."""
    found = re.search(rf"^#+ {title}\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title!r}"
    return found[1]


def _without_code(page: str) -> str:
    return re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)


def _anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _without_code(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
