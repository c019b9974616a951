"""The audit's small shop serves here, too."""

from tests.lab.audit.conftest import shop

__all__ = ["shop"]
