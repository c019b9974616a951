"""Where a shop in containers is, by the settings that the compose file has."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from lab.commands.chosen import in_containers
from lab.compose.layout import compose_shop
from lab.compose.settings import ComposeSettings, Which
from lab.running.errors import ShopError
from lab.running.layout import SERVICES
from tests.house.tree import ROOT, text


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _defaults():
        monkeypatch.delenv(name, raising=False)


def _defaults() -> dict[str, str]:
    return dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", text(Path("docker-compose.kafka.yml"))))


def settings(folder: Path, **lines: str) -> ComposeSettings:
    """As read with this ``.env``."""
    file = folder / ".env"
    file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    return ComposeSettings(_env_file=file)


def test_the_defaults_are_those_of_the_compose_file(tmp_path: Path) -> None:
    ours, known = settings(tmp_path), 0
    for name, default in _defaults().items():
        field = name.removeprefix("SHOP_").lower()
        if field in ComposeSettings.model_fields:
            value = getattr(ours, field)
            assert str(value.get_secret_value() if "password" in field else value) == default, name
            known += 1
    assert known == len(ComposeSettings.model_fields) - 1  # all but the project's name, which compose itself reads


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_ORDERS_PORT", "1111")
    found = settings(tmp_path, SHOP_ORDERS_PORT="2222", SHOP_PRODUCTS_PORT="3333", COMPOSE_PROJECT_NAME="other")
    assert (found.orders_port, found.products_port, found.project) == (1111, 3333, "other")


@pytest.mark.parametrize("which", ["on", "chain", "mesh"])
def test_databases_and_passwords_are_what_the_services_are_told(tmp_path: Path, which: Which) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.kafka.yml").read_text())["services"]
    inside = compose_shop(which, inside=True, settings=settings(tmp_path))
    for service in SERVICES:
        told = re.sub(
            r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", compose[inside.container(service)]["environment"]["SHOP_DATABASE_URL"]
        )
        assert inside.service_url(service) == told
        auditor = urlsplit(inside.auditor_url(service))
        assert auditor.username == f"{urlsplit(told).username}_auditor"
        assert (auditor.password, auditor.path) == ("laptop-audit", urlsplit(told).path)


def test_the_three_shops_share_nothing_but_the_server(tmp_path: Path) -> None:
    shops = [compose_shop(which, settings=settings(tmp_path)) for which in ("on", "chain", "mesh")]
    assert len({shop.http(service) for shop in shops for service in SERVICES}) == 9
    assert len({shop.auditor_url(service) for shop in shops for service in SERVICES}) == 9
    assert [shop.wiring for shop in shops] == ["events", "chain", "chain-mesh"]
    assert len({urlsplit(shop.admin).netloc for shop in shops}) == 1


def test_a_password_with_odd_signs_survives_the_address(tmp_path: Path) -> None:
    shop = compose_shop("on", settings=settings(tmp_path, SHOP_ORDERS_PASSWORD="p@ss/w:rd"))
    assert "p%40ss%2Fw%3Ard@127.0.0.1:15432" in shop.service_url("orders")


def test_passwords_are_not_shown(tmp_path: Path) -> None:
    assert "laptop" not in repr(compose_shop("on", settings=settings(tmp_path)))
    assert "laptop" not in repr(settings(tmp_path))


def test_another_name_is_refused() -> None:
    with pytest.raises(ShopError, match="on, chain, mesh"):
        in_containers("podman")
