"""What a person may change about the mesh, from the environment."""

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from lab.running.errors import ShopError


class MeshSettings(BaseSettings):
    """``SHOP_MESH_BREAKER`` and ``SHOP_MESH_EJECTION_SECONDS``."""

    model_config = SettingsConfigDict(env_prefix="SHOP_", env_ignore_empty=True, extra="ignore", populate_by_name=True)

    mesh_breaker: bool = Field(default=True, description="off: the mesh without its DestinationRule")
    mesh_ejection_seconds: float = Field(
        default=30, gt=0, le=300, description="how long a host that failed gets no traffic"
    )


def mesh_settings() -> MeshSettings:
    """As the environment has them. Raises ShopError for what is none."""
    try:
        return MeshSettings()
    except ValidationError as error:
        wrong = error.errors()[0]
        variable = f"SHOP_{wrong['loc'][0]}".upper()
        raise ShopError(f"{variable}={wrong['input']}: {wrong['msg']}") from None
