"""Do the three databases add up? Rules, two looks, and a report that names every id."""

from lab.audit.auditing import audit
from lab.audit.databases import Databases
from lab.audit.report import Audit, Check

__all__ = ["Audit", "Check", "Databases", "audit"]
