"""What the delivery process is told through its environment."""

from pydantic import Field

from calls.settings import CallSettings


class DeliverySettings(CallSettings):
    """``CallSettings``, plus what only delivery needs."""

    port: int = 8082
    products_url: str = Field(default="http://127.0.0.1:8085", description="asked in synchronous wirings only")
    orders_url: str = Field(default="http://127.0.0.1:8081", description="2pc, 3pc: the coordinator")
    try_sweep_seconds: float = Field(default=0.5, gt=0, description="tcc: how often tries whose time is up are ended")
