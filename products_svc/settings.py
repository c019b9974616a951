"""What the products process is told through its environment."""

from pydantic import Field, ValidationInfo, field_validator

from kit.settings import ServiceSettings

LONGEST_DELAY_MS = 10_000
"""A batch of events waits inside its transaction, and the database ends one that is idle for 15 s."""


class ProductsSettings(ServiceSettings):
    """``ServiceSettings``, plus the laboratory's injected slowness and errors (off by default; see
    ``products_svc.slowness`` and ``products_svc.failing``)."""

    port: int = 8085
    orders_url: str = Field(default="http://127.0.0.1:8081", description="2pc, 3pc: the coordinator")
    delivery_url: str = Field(default="http://127.0.0.1:8082", description="3pc: the other participant")
    call_deadline_seconds: float = Field(default=3.0, gt=0, description="how long one call to another service may take")
    inject_delay_ms: float = Field(
        default=0, ge=0, le=LONGEST_DELAY_MS, description="every piece of work takes this many milliseconds longer"
    )
    inject_delay_jitter_ms: float = Field(
        default=0, ge=0, le=LONGEST_DELAY_MS, description="plus up to this many, evenly distributed"
    )
    inject_error_rate: float = Field(
        default=0, ge=0, le=1, description="this share of all pieces of work fails, before anything is done"
    )

    try_sweep_seconds: float = Field(default=0.5, gt=0, description="tcc: how often tries whose time is up are ended")

    @field_validator("inject_delay_jitter_ms")
    @classmethod
    def _delays_end_before_their_transaction_does(cls, jitter: float, info: ValidationInfo) -> float:
        longest = info.data.get("inject_delay_ms", 0) + jitter
        if longest > LONGEST_DELAY_MS:
            raise ValueError(
                f"SHOP_INJECT_DELAY_MS and SHOP_INJECT_DELAY_JITTER_MS together are {longest:g} ms, and may be "
                f"{LONGEST_DELAY_MS} at most: the database ends a transaction that does nothing for 15 s"
            )
        return jitter
