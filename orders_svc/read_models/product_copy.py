"""The product copy: what orders knows of every product, without asking the products service."""

from collections.abc import Iterable

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Table, Text, func

from events.catalogue import ProductChanged
from events.envelope import Envelope
from events.merged_model import Change, MergedModel
from events.merging import Merged
from orders_svc.read_models.tables import metadata

product_copy = Table(
    "product_copy",
    metadata,
    Column("product_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("stock", BigInteger, nullable=False),
    Column("image_url", Text, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("copied_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
)
"""orders' copy of every product; ``changed_at`` is the business time of the change, ``copied_at`` when it got here."""

PRODUCTS = Merged(
    product_copy,
    version="version",
    newest=("name", "price", "stock", "image_url", "withdrawn", "changed_at"),
    own={"copied_at": func.clock_timestamp()},
)


def product_changed(envelope: Envelope[ProductChanged]) -> Iterable[Change]:
    """The whole product, as it was at this version."""
    product = envelope.data
    row = (
        product.product_id,
        product.name,
        product.price,
        product.stock,
        product.image_url,
        product.withdrawn,
        envelope.sequence,
        envelope.time,
    )
    return (Change(PRODUCTS, row),)


MODEL = MergedModel(
    name="product-copy",
    topics=("products",),
    functions={ProductChanged: product_changed},
    tables=(PRODUCTS,),
    empty_is_complete=False,  # a shop has products: they are just being published
    newest_only=True,
)
