"""Rules that hold in every room and that no linter knows."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import PACKAGES, ROOT, SERVICES, files, modules, text

SUPERVISORS: dict[str, set[str]] = {
    "events/arrivals.py": {"read"},
    "events/reactions.py": {"run"},
    "events/watchdog.py": {"_watch"},
    "kit/app.py": {"_run"},
    "kit/grouping.py": {"_write_group"},
    "lab/replay/loading.py": {"add"},
    "lab/supervision/supervisor.py": {"_stop_all"},
}
"""Functions whose job it is to survive anything; their docstring (or their class's) says what happens then."""

ROOMS = ("domain.py", "store.py", "reactions.py", "api.py", "app.py", "settings.py", "__main__.py", "migrations")
SYNCHRONOUS_PART = {
    "orders_svc": "placing/chain.py",
    "products_svc": "participant.py",
    "delivery_svc": "participant.py",
}

DOMAIN_MAY = {"events.catalogue", "events.envelope"}

VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}

MACHINE = re.compile(
    r"/root/|/home/\w|/Users/\w|/work/(main|shared)|"
    r"pypi\.org|pythonhosted\.org|maven\.org|maven\.apache\.org/maven2|docker\.io/|ghcr\.io|quay\.io|registry\.npmjs|"
    r"--(extra-)?index-url|--find-links"
)


def test_arrows_point_one_way() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_who_knows_one_service_knows_all(service: str) -> None:
    rooms = (*ROOMS, SYNCHRONOUS_PART[service])
    assert [room for room in rooms if not (ROOT / service / room).exists()] == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_domain_knows_nothing_but_the_standard_library_and_the_events(service: str) -> None:
    """Every import counts, also one inside a function or for the type checker only."""
    tree = ast.parse(text(Path(service) / "domain.py"))
    strangers = {name for name in _imported(tree) if name not in DOMAIN_MAY and not _is_standard(name)}
    assert strangers == set()


def test_nothing_swallows_what_it_does_not_understand() -> None:
    """``except Exception`` is for supervisors; elsewhere it must raise what it does not know."""
    found = {
        f"{path}:{line} in {function}"
        for path in modules()
        for line, function in _blanket_handlers(ast.parse(text(path)))
        if function not in SUPERVISORS.get(str(path), set())
    }
    assert found == set()


def test_supervisors_promise_what_happens() -> None:
    for path, functions in SUPERVISORS.items():
        tree = ast.parse(text(Path(path)))
        documented = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node)
        }
        assert functions <= documented, path


def test_a_file_is_one_idea() -> None:
    too_long = {str(path): count for path in modules() if (count := text(path).count("\n")) > 300}
    assert too_long == {}


def test_names_say_what_is_inside() -> None:
    assert [str(path) for path in files() if VAGUE & {part.removesuffix(".py") for part in path.parts}] == []


def test_no_file_knows_a_machine_or_a_registry() -> None:
    found = [
        f"{path}:{number}: {line.strip()[:120]}"
        for path in files()
        if path.parts[:2] != ("tests", "house") and path.suffix not in {".png", ".ico", ".svg"}
        for number, line in enumerate(text(path).splitlines(), 1)
        if MACHINE.search(line)
    ]
    assert found == []


def test_no_work_is_left_in_comments() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    found = [str(path) for path in files() if path.parts[:2] != ("tests", "house") and marks.search(text(path))]
    assert found == []


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path)
        for path in modules()
        if path.name != "__init__.py" and "versions" not in path.parts and not ast.get_docstring(ast.parse(text(path)))
    ]
    assert silent == []


def test_every_package_that_ships_is_known_to_the_checks() -> None:
    present = {path.parts[0] for path in files() if path.name == "__init__.py" and path.parts[0] != "tests"}
    assert present == set(PACKAGES)


def _imported(tree: ast.Module) -> Iterator[str]:
    """The modules that are imported anywhere; a relative one keeps its dots, ``from events import envelope`` is
    ``events.envelope``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            inside = module not in DOMAIN_MAY and not _is_standard(module)
            yield from (f"{module}.{alias.name}" for alias in node.names) if inside else (module,)


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _blanket_handlers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and function of each handler for everything that never raises."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler) or not _catches_everything(node.type):
            continue
        if any(isinstance(inner, ast.Raise) for step in node.body for inner in ast.walk(step)):
            continue
        around = [f for f in functions if f.lineno <= node.lineno <= (f.end_lineno or 0)]
        yield node.lineno, max(around, key=lambda f: f.lineno).name if around else "<module>"


def _catches_everything(expression: ast.expr | None) -> bool:
    if isinstance(expression, ast.Tuple):
        return any(_catches_everything(each) for each in expression.elts)
    return expression is None or (isinstance(expression, ast.Name) and expression.id in {"Exception", "BaseException"})
