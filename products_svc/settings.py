"""What the products process is told through its environment."""

from pydantic import Field

from kit.settings import ServiceSettings


class ProductsSettings(ServiceSettings):
    """``ServiceSettings``, plus the laboratory's injected slowness (off by default; see ``products_svc.slowness``)."""

    port: int = 8085
    inject_delay_ms: float = Field(
        default=0, ge=0, le=600_000, description="every piece of work takes this many milliseconds longer"
    )
    inject_delay_jitter_ms: float = Field(
        default=0, ge=0, le=600_000, description="plus up to this many, evenly distributed"
    )
