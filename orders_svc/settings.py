"""What the orders process is told through its environment."""

from pydantic import Field

from calls.settings import CallSettings


class OrdersSettings(CallSettings):
    """``CallSettings``, plus what only orders needs."""

    port: int = 8081
    products_url: str = Field(default="http://127.0.0.1:8085", description="asked in synchronous wirings only")
    delivery_url: str = Field(default="http://127.0.0.1:8082", description="asked in synchronous wirings only")
    pending_timeout_seconds: float = Field(
        default=600, gt=0, description="a pending order older than this is cancelled"
    )
    promise_seconds: float = Field(
        default=0.5, gt=0, description="chain-breaker: how often delivery is asked about orders it was cut off from"
    )
    hold_transaction: bool = Field(
        default=False, description="chain only: keep one transaction open through the calls, as the original lab did"
    )
