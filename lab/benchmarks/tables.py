"""``python -m lab.benchmarks.tables``: writes the measured tables of all pages anew from ``docs/measured``.

Run it after a measurement's file was put there; the tests hold pages to files. ``--check`` writes nothing and says
which pages differ (exit code 1). What a block looks like is told in ``lab/comparing/pages.py``.
"""

import argparse
import sys
from pathlib import Path

from lab.comparing.pages import filled
from lab.console import console, plain_errors
from lab.running.errors import ShopError

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "docs" / "measured"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when a page differs")
    asked = parser.parse_args()
    with plain_errors():
        changed = stale_pages()
        for page, text in changed.items():
            if not asked.check:
                page.write_text(text, encoding="utf-8")
            console.print(f"{'differs' if asked.check else 'written'}: {page.relative_to(ROOT)}")
    sys.exit(1 if changed and asked.check else 0)


def stale_pages() -> dict[Path, str]:
    """README and the pages of docs that are not what the files say, each with the text it should have."""
    found = {}
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = page.read_text(encoding="utf-8")
        try:
            new = filled(text, MEASURED)
        except ShopError as error:
            raise ShopError(f"{page.relative_to(ROOT)}: {error}") from None
        if new != text:
            found[page] = new
    return found


if __name__ == "__main__":
    main()
