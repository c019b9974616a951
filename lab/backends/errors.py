"""What can go wrong with the embedded backends.

BackendError
+-- JarsDiffer       what was resolved is not what our lock file pins
+-- NoJava           no Java of version 17 or later
+-- NoAccount        PostgreSQL cannot run: the user is root and there is no unprivileged user to switch to
+-- DataUnusable     a data folder that this version, or this user, cannot go on with
"""

from __future__ import annotations


class BackendError(Exception):
    """Base of this package's errors; `str()` says what to do."""


class JarsDiffer(BackendError):
    pass


class NoJava(BackendError):
    pass


class NoAccount(BackendError):
    pass


class DataUnusable(BackendError):
    pass
