"""A throw-away certificate authority, and what it signs. By the command `openssl`."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Authority:
    """``folder`` holds everything it makes, as PEM files."""

    folder: Path
    certificate: Path
    key: Path

    @classmethod
    def create(cls, folder: Path, name: str = "shop tests") -> "Authority":
        folder.mkdir(parents=True, exist_ok=True)
        authority = cls(folder, folder / "ca.pem", folder / "ca.key")
        _openssl(
            *("req", "-x509", *_NEW_KEY, "-keyout", authority.key, "-out", authority.certificate, "-days", "2"),
            *("-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )
        return authority

    def sign(self, name: str, *, addresses: str = "IP:127.0.0.1,DNS:localhost") -> tuple[Path, Path]:
        """A certificate for ``name`` (its common name) that is valid for servers at ``addresses`` and for clients; and
        its key."""
        key, request, certificate = (self.folder / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        _openssl("req", "-new", *_NEW_KEY, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={addresses}\nextendedKeyUsage=serverAuth,clientAuth\n")
        _openssl(
            *("x509", "-req", "-in", request, "-out", certificate, "-days", "2", "-extfile", extensions),
            *("-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial"),
        )
        return certificate, key


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*words: object) -> None:
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
