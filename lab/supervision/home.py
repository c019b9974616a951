"""The one folder that holds everything a checkout's shop leaves on this machine."""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import lab


@dataclass(frozen=True)
class Home:
    """Paths of one shop. Two homes share nothing but the cache of fetched jars, so they run side by side.

    Folders are created on first use and are private to the user (mode 700; 711 for root, so that the account that
    PostgreSQL runs under can pass through). Deleting the folder of a stopped shop resets that shop.
    """

    root: Path

    @classmethod
    def from_environment(cls) -> Home:
        """`SHOP_HOME`, else `.shop/` in the project's root (the current folder when the lab is installed elsewhere)."""
        named = os.environ.get("SHOP_HOME")
        if named:
            return cls(Path(named).expanduser().resolve())
        checkout = Path(lab.__file__).resolve().parent.parent
        return cls((checkout if (checkout / "pyproject.toml").exists() else Path.cwd()) / ".shop")

    @property
    def data(self) -> Path:
        return self._folder("data", passable=True)

    @property
    def logs(self) -> Path:
        return self._folder("logs")

    @property
    def run(self) -> Path:
        return self._folder("run")

    def log_file(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def instance(self) -> str:
        """An id that lives as long as the folder: what is kept outside it carries the id, and is void without it."""
        return self.secret("instance")

    def mark(self) -> str:
        """Eight hexadecimal digits made of the instance: they stand in the names of what is ours on others' servers."""
        return hashlib.sha256(self.instance().encode()).hexdigest()[:8]

    def secret(self, name: str) -> str:
        """The random secret of that name, generated once, readable by this user only."""
        path = self._root() / f"{name}.secret"
        if not path.exists():
            draft = path.with_name(f"{path.name}.{os.getpid()}")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(24))
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_text()

    def _root(self) -> Path:
        if not self.root.is_dir():
            self.root.mkdir(parents=True, exist_ok=True)
            self.root.chmod(_mode(passable=True))
            (self.root / ".gitignore").write_text("*\n")
        return self.root

    def _folder(self, name: str, passable: bool = False) -> Path:
        path = self._root() / name
        if not path.is_dir():
            path.mkdir(exist_ok=True)
            path.chmod(_mode(passable))
        return path


def _mode(passable: bool) -> int:
    return 0o711 if passable and os.geteuid() == 0 else 0o700
