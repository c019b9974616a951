"""Passwords of the shop's database roles."""

import hashlib
import hmac


def password_of(role: str, secret: str) -> str:
    """A role's password, derived from a secret, so that it is the same at every start and stored nowhere."""
    return hmac.new(secret.encode(), f"shop role {role}".encode(), hashlib.sha256).hexdigest()[:40]
