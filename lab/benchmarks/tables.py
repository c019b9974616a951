"""``python -m lab.benchmarks.tables``: writes anew what pages have from elsewhere.

Those are the measured tables, out of ``docs/measured`` (what such a block looks like is told in
``lab/comparing/pages.py``), and the keys of a comparison's document with their JSON Schema, out of
``lab/comparing/schema.py``. Run it after one of those changed; the tests hold pages to them. ``--check`` writes nothing
and says which files differ (exit code 1).
"""

import argparse
import sys
from pathlib import Path

from lab.comparing.pages import filled
from lab.comparing.schema_page import json_schema, with_keys
from lab.console import console, plain_exit
from lab.running.errors import ShopError

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "docs" / "measured"
SCHEMA = ROOT / "docs" / "results.schema.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when a page differs")
    asked = parser.parse_args()
    with plain_exit():
        changed = stale()
        for page, text in changed.items():
            if not asked.check:
                page.write_text(text, encoding="utf-8")
            console.print(f"{'differs' if asked.check else 'written'}: {page.relative_to(ROOT)}")
    sys.exit(1 if changed and asked.check else 0)


def stale() -> dict[Path, str]:
    """README, the pages of docs and the schema, those that are not what they are written from, each with the text that
    it should have."""
    found = {}
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = page.read_text(encoding="utf-8")
        try:
            new = with_keys(filled(text, MEASURED))
        except ShopError as error:
            raise ShopError(f"{page.relative_to(ROOT)}: {error}") from None
        if new != text:
            found[page] = new
    if not SCHEMA.exists() or SCHEMA.read_text(encoding="utf-8") != json_schema():
        found[SCHEMA] = json_schema()
    return found


if __name__ == "__main__":
    main()
