"""When each order of a plan is due, and what it says: decided before the first one is sent."""

from array import array
from pathlib import Path
from typing import Any

import orjson

from lab.load.plan import LoadPlan, PlanError
from lab.load.recorded import Recorded, read_recorded
from lab.load.schedule import intended_offsets


class Orders:
    """``offsets`` are the seconds after the start at which each is due, ascending (none in a closed loop)."""

    def __init__(self, plan: LoadPlan) -> None:
        """Raises PlanError when recorded orders cannot be read."""
        self._plan = plan
        self._recorded = _read(plan.recorded) if plan.recorded else None
        self.offsets: array[float] = array("d")
        if self._recorded is not None:
            self.offsets = self._recorded.offsets
        elif plan.rate or plan.steps:
            self.offsets = intended_offsets(plan)

    def body(self, index: int) -> bytes:
        """The JSON of the order with that index."""
        return orjson.dumps(self._made_up(index) if self._recorded is None else self._as_recorded(index))

    def _made_up(self, index: int) -> dict[str, Any]:
        plan = self._plan
        product = plan.products[index % len(plan.products)]
        if plan.bare:
            return {"productId": product, "quantity": plan.quantity}
        return {
            "productId": product,
            "quantity": plan.quantity,
            "customerId": plan.mark(index),
            "customerName": "Load Test",
            "address": "1 Main Street",
        }

    def _as_recorded(self, index: int) -> dict[str, Any]:
        recorded = self._recorded
        assert recorded is not None
        if self._plan.bare:
            return {"productId": recorded.products[index], "quantity": recorded.quantities[index]}
        customer = recorded.customers[index]
        return {
            "productId": recorded.products[index],
            "quantity": recorded.quantities[index],
            "customerId": customer,
            "customerName": customer,
            "address": self._plan.mark(index),
        }


def _read(file: str) -> Recorded:
    try:
        return read_recorded(Path(file))
    except (OSError, ValueError) as error:
        raise PlanError(f"the recorded orders cannot be read: {error}") from error
