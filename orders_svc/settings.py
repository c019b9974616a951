"""What the orders process is told through its environment."""

from typing import Self

from pydantic import Field, model_validator

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
    try_seconds: float = Field(
        default=10, gt=0, le=3600, description="tcc: how long participants hold what was tried and is not confirmed"
    )
    hold_transaction: bool = Field(
        default=False, description="chain only: keep one transaction open through the calls, as the original lab did"
    )

    @model_validator(mode="after")
    def _tries_outlive_the_calls(self) -> Self:
        if self.wiring == "tcc" and self.try_seconds <= self.call_deadline_seconds:
            raise ValueError(
                f"SHOP_TRY_SECONDS ({self.try_seconds:g}) must be longer than SHOP_CALL_DEADLINE_SECONDS "
                f"({self.call_deadline_seconds:g}): one participant may answer at once, and the other only then"
            )
        return self
