"""Alembic's entry; see ``kit.migrations``."""

from events import tables as bookkeeping
from kit import migrations
from products_svc.tables import metadata

migrations.run(metadata, bookkeeping.metadata)
