"""Alembic's entry; see ``kit.migrations``."""

from events import tables as bookkeeping
from kit import migrations
from orders_svc import last_prices, store
from orders_svc.placing.tcc import log as tcc
from orders_svc.read_models import tables as read_models

migrations.run(store.metadata, last_prices.metadata, read_models.metadata, tcc.metadata, bookkeeping.metadata)
