"""How an order is placed and cancelled: one module a wiring, behind one protocol."""

from orders_svc.placing.protocol import OrderRequest, Placing

__all__ = ["OrderRequest", "Placing"]
