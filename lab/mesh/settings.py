"""What a person may change about the mesh, from the environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class MeshSettings(BaseSettings):
    """``SHOP_MESH_BREAKER`` and ``SHOP_MESH_EJECTION_SECONDS``."""

    model_config = SettingsConfigDict(env_prefix="SHOP_", env_ignore_empty=True, extra="ignore", populate_by_name=True)

    mesh_breaker: bool = Field(default=True, description="off: the mesh without its DestinationRule")
    mesh_ejection_seconds: float = Field(
        default=30, gt=0, le=300, description="how long a host that failed gets no traffic"
    )
