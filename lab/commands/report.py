"""``shop report``: a comparison as one HTML page."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from lab.console import console, plain_errors
from lab.report.page import NAME, report
from lab.running.errors import ShopError


def report_command(
    results: Annotated[Path, typer.Argument(help="The JSON file that `shop compare` wrote.")],
    out: Annotated[Path | None, typer.Option("--out", help=f"The page [{NAME} beside the file].")] = None,
) -> None:
    """Write a comparison's report: one HTML page that opens from disk, without network or script.

    Example: `shop report reports/compare-20261201-120000/results.json --out report.html`
    """
    with plain_errors():
        page = report(_read(results))
        path = out or results.with_name(NAME)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    console.print(str(path), soft_wrap=True, markup=False)


def _read(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise ShopError(f"there is no {path}; `shop compare` writes one") from None
    except orjson.JSONDecodeError as error:
        raise ShopError(f"{path} is no JSON: {error}") from None
