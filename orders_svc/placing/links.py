"""What orders asks the other services in the synchronous wirings, and what their answers mean."""

from uuid import UUID

from calls.client import Caller, Peer, PeerError, PeerFailed, PeerRefused
from orders_svc.domain import Order, ShownProduct
from orders_svc.placing import refusals
from orders_svc.placing.protocol import OrderRequest
from orders_svc.tracing import trace_of


class Links:
    """Each method is one call, which takes the peer's deadline at most. All of them may be repeated without harm: what
    the others do is done once an order."""

    def __init__(self, products: Peer, delivery: Peer) -> None:
        self._products = products
        self._delivery = delivery

    async def shown(self, request: OrderRequest) -> ShownProduct:
        """Name and price as products has them now. Raises Problem: 422 when it is not sold, else what failed."""
        try:
            return await self.product(request)
        except PeerError as error:
            raise refusals.link_failure(error) from error

    async def product(self, request: OrderRequest) -> ShownProduct:
        """The same, but raises PeerError for what failed."""
        caller = Caller(request.deadline, request.traceparent)
        try:
            found = await self._products.get(f"/products/{request.product_id}", caller=caller)
        except PeerRefused as error:
            if error.status == 404:
                raise refusals.unknown_product(request.product_id) from error
            raise
        match found:
            case {"name": str(name), "price": int(price), "version": int(version), "withdrawn": bool(withdrawn)}:
                pass
            case _:
                raise PeerFailed(self._products.base_url, 200, {}, "the answer is not a product")
        if withdrawn:
            raise refusals.withdrawn_product(request.product_id, name)
        return ShownProduct(request.product_id, name, price, version)

    async def deliver(self, order: Order, traceparent: str | None, deadline: float | None = None) -> None:
        """Starts the delivery, for which delivery makes products take the stock. Raises PeerError."""
        caller = Caller(deadline, trace_of(order.id, traceparent))
        await self._delivery.post("/participant/deliveries", consignment(order), caller=caller, idempotent=True)

    async def cancel(self, order_id: UUID, traceparent: str | None) -> str | None:
        """Cancels the delivery, and has the stock put back; the reason if delivery refuses. Raises PeerError."""
        caller = Caller(traceparent=trace_of(order_id, traceparent))
        try:
            await self._delivery.post(f"/participant/deliveries/{order_id}/cancel", caller=caller, idempotent=True)
        except PeerRefused as error:
            if error.status == 409:
                return error.detail
            raise
        return None


def consignment(order: Order) -> dict[str, str | int]:
    """What delivery must know of an order."""
    return {
        "orderId": str(order.id),
        "productId": order.product_id,
        "productName": order.product_name,
        "quantity": order.quantity,
        "customerId": order.customer_id,
        "customerName": order.customer_name,
        "address": order.address,
    }
