"""Replicated and summed-up views that orders builds from events: one module each.

A module has its tables, one short function an event type, and ``MODEL``, which says what belongs together.
"""

from collections.abc import Mapping

from events.merged_model import MergedModel
from orders_svc.read_models import live_figures, order_history, product_copy, sales

MODELS: Mapping[str, MergedModel] = {module.MODEL.name: module.MODEL for module in (product_copy, order_history, sales)}
"""Those that are merged out of what events know, by name."""

NAMES: tuple[str, ...] = (*MODELS, live_figures.NAME)
"""All of them. Each is followed by a Faust worker of its own: ``python -m orders_svc.read_models NAME``."""
