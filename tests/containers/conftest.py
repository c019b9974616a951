import pytest

from tests.containers.engine import EngineMissing, must_not_skip, require_engine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever needs the engine is a container test, and may take its time: an image may have to be built first."""
    for item in items:
        if "engine" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.containers)
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def engine() -> None:
    """A container engine; without one the test is skipped, or fails where one was promised."""
    try:
        require_engine()
    except EngineMissing as missing:
        if must_not_skip():
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))
