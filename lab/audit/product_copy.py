"""orders' product copy against the products service's own state."""

from typing import Any

from lab.audit.databases import Snapshot, rows
from lab.audit.report import Check

_COLUMNS = ("name", "price", "stock", "image_url", "withdrawn")
_PRODUCTS = "SELECT id, version, name, price, stock, image_url, withdrawn FROM products ORDER BY id"
_COPY = "SELECT product_id AS id, version, name, price, stock, image_url, withdrawn FROM product_copy ORDER BY 1"

State = dict[int, dict[str, Any]]


async def products_state(at: Snapshot) -> State:
    """Every product as products has it; as many as there are products, so it fits in memory."""
    return {row["id"]: dict(row) async for row in rows(at.products, _PRODUCTS)}


async def copy_equals_products(at: Snapshot, expected: State, *, live: bool) -> Check:
    """The copy in ``at`` against the state of products, ``expected``, which may be older when the shop is ``live``:
    then a copy that is further on is fine, and one that lags behind it, or differs at the same version, is not."""
    check = Check("product copy = products")
    check.looked_at = len(expected)
    copies = {row["id"]: dict(row) async for row in rows(at.orders, _COPY)}
    for product_id, product in expected.items():
        copy = copies.pop(product_id, None)
        if copy is None:
            check.add(f"product {product_id}", "not in the copy")
        elif copy["version"] == product["version"]:
            differing = [name for name in _COLUMNS if copy[name] != product[name]]
            if differing:
                check.add(f"product {product_id}", f"version {product['version']} differs in {', '.join(differing)}")
        elif copy["version"] < product["version"] or not live:
            check.add(f"product {product_id}", f"copy at version {copy['version']}, products at {product['version']}")
    if not live:
        for product_id in copies:
            check.add(f"product {product_id}", "in the copy, unknown to products")
    return check
