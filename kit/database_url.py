"""The URL of a PostgreSQL database, with how the connection is protected: ``?sslmode=verify-full&sslrootcert=ca.pem``.

Everything that connects (pools, migrations, the lab) hands the whole URL to asyncpg, which obeys these parameters.
"""

import os
import ssl
from urllib.parse import parse_qs, urlsplit

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
EXAMPLE = "postgresql://user:password@host:port/name"


def checked(url: str) -> str:
    """The same URL. Raises ValueError, which says what would be right, for one that no connection could be made with;
    never with the URL in it, because that holds a password."""
    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query, strict_parsing=bool(parts.query))
        _ = parts.port
    except ValueError:
        raise ValueError(f"this is no URL; it must look like {EXAMPLE}") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError(f"must look like {EXAMPLE}, and does not begin with postgresql://")
    mode = query.get("sslmode", [None])[-1]
    if mode is not None and mode not in SSL_MODES:
        raise ValueError(f"sslmode={mode} does not exist; it is one of {', '.join(SSL_MODES)}")
    authority = query.get("sslrootcert", [None])[-1]
    if authority is not None:
        _check_authority(authority)
    elif mode is not None and mode.startswith("verify-") and not os.environ.get("PGSSLROOTCERT"):
        raise ValueError(f"sslmode={mode} needs the certificate of who signed the server's: &sslrootcert=FILE")
    return url


def _check_authority(path: str) -> None:
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise ValueError(f"sslrootcert must be a PEM file with the authority's certificate; {path}: {error}") from error
