"""What the orders process is told through its environment."""

from pydantic import Field

from kit.settings import ServiceSettings


class OrdersSettings(ServiceSettings):
    """``ServiceSettings``, plus what only orders needs."""

    port: int = 8081
    products_url: str = Field(default="http://127.0.0.1:8085", description="asked in synchronous wirings only")
    delivery_url: str = Field(default="http://127.0.0.1:8082", description="asked in synchronous wirings only")
    call_deadline_seconds: float = Field(default=3.0, gt=0, description="how long one call to another service may take")
    pending_timeout_seconds: float = Field(
        default=600, gt=0, description="a pending order older than this is cancelled"
    )
    hold_transaction: bool = Field(
        default=False, description="chain only: keep one transaction open through the calls, as the original lab did"
    )
