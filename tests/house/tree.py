"""What is in the checkout: files under version control, and files about to be."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("events", "kit", "calls", "orders_svc", "products_svc", "delivery_svc", "lab")
SERVICES = ("orders_svc", "products_svc", "delivery_svc")


@cache
def files() -> tuple[Path, ...]:
    """Every file that git does not ignore, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(Path(name) for name in sorted(set(listed.stdout.split("\0")) - {""}) if (ROOT / name).is_file())


def modules() -> tuple[Path, ...]:
    """The Python files of the packages that ship (tests apart)."""
    return tuple(path for path in files() if path.suffix == ".py" and path.parts[0] in PACKAGES)


def pages() -> tuple[Path, ...]:
    """The Markdown pages."""
    return tuple(path for path in files() if path.suffix == ".md")


def text(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")
