"""What the compose file was told, read as compose reads it: the environment, else ``.env``, else the defaults."""

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

import lab
from kit.settings import Wiring
from lab.running.errors import ShopError

FOLDER = Path(lab.__file__).resolve().parents[1]
"""Where the compose file and ``.env`` are."""
FILE = "docker-compose.kafka.yml"

Which = Literal["on", "chain", "mesh"]


class ComposeSettings(BaseSettings):
    """The variables of ``.env.example``; a test holds their defaults together."""

    model_config = SettingsConfigDict(
        env_prefix="SHOP_", env_file=FOLDER / ".env", env_ignore_empty=True, extra="ignore", populate_by_name=True
    )

    project: str = Field(default="shop", validation_alias=AliasChoices("COMPOSE_PROJECT_NAME"))

    orders_port: int = 8081
    products_port: int = 8085
    delivery_port: int = 8082
    kafka_port: int = 19092
    postgres_port: int = 15432

    postgres_password: SecretStr = Field(
        default=SecretStr("laptop-postgres"), validation_alias=AliasChoices("POSTGRES_PASSWORD")
    )
    orders_password: SecretStr = SecretStr("laptop-orders")
    products_password: SecretStr = SecretStr("laptop-products")
    delivery_password: SecretStr = SecretStr("laptop-delivery")
    audit_password: SecretStr = SecretStr("laptop-audit")

    wiring: Wiring = "events"
    chain_wiring: Wiring = "chain"
    chain_orders_port: int = 8181
    chain_products_port: int = 8185
    chain_delivery_port: int = 8182
    mesh_orders_port: int = 8281
    mesh_products_port: int = 8285
    mesh_delivery_port: int = 8282
    mesh_orders_admin_port: int = 9281
    mesh_products_admin_port: int = 9285
    mesh_delivery_admin_port: int = 9282

    def port(self, name: str) -> int:
        """``port("chain_orders")`` on the host."""
        found: int = getattr(self, f"{name}_port")
        return found

    def password(self, name: str) -> str:
        """Of ``orders``, ``products``, ``delivery``, ``audit``, ``postgres``."""
        found: SecretStr = getattr(self, f"{name}_password")
        return found.get_secret_value()


def compose_settings() -> ComposeSettings:
    """Raises ShopError for a value that cannot be."""
    try:
        return ComposeSettings()
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        name = str(wrong["loc"][0]).upper()
        variable = name if name.startswith(("POSTGRES_", "COMPOSE_")) else f"SHOP_{name}"
        raise ShopError(f"{variable} in the environment or .env: {wrong['msg']}") from None
