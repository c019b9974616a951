"""Alembic's entry; see ``kit.migrations``."""

from delivery_svc.store import metadata
from events import tables as bookkeeping
from kit import migrations

migrations.run(metadata, bookkeeping.metadata)
