"""What the delivery process is told through its environment."""

from pydantic import Field

from kit.settings import ServiceSettings


class DeliverySettings(ServiceSettings):
    """``ServiceSettings``, plus what only delivery needs."""

    port: int = 8082
    products_url: str = Field(default="http://127.0.0.1:8085", description="asked in synchronous wirings only")
    orders_url: str = Field(default="http://127.0.0.1:8081", description="2pc, 3pc: the coordinator")
    call_deadline_seconds: float = Field(default=3.0, gt=0, description="how long one call to another service may take")
