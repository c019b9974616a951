"""What orders shows out of its read models: one module each, all of them only reading."""

from orders_svc.views.routes import router

__all__ = ["router"]
