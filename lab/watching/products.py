"""Finding a product by what a person calls it, and putting up one more."""

import aiohttp

from lab.running.errors import ShopError
from lab.running.layout import Layout


async def product_id(layout: Layout, wanted: str) -> int:
    """A number is an id as it stands; a name is looked up at products, without regard to case. Raises ShopError."""
    if wanted.isdecimal():
        return int(wanted)
    names = await products(layout)
    for number, name in names.items():
        if name.casefold() == wanted.casefold():
            return number
    some = ", ".join(list(names.values())[:8])
    raise ShopError(f"there is no product {wanted!r}; there are, for example: {some}")


async def products(layout: Layout) -> dict[int, str]:
    """Id -> name of every product, page by page."""
    found: dict[int, str] = {}
    following: str | None = "/products?limit=200"
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            while following:
                async with session.get(f"{layout.http('products')}{following}") as response:
                    page = await response.json()
                found |= {int(item["id"]): str(item["name"]) for item in page["items"]}
                following = page["next"]
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ShopError(f"products does not answer ({error}); give the product's number instead") from error
    return found


async def put_up(layout: Layout, *, stock: int) -> int:
    """The id of a new product with that stock, which wirings that ask products can sell at once. Raises ShopError."""
    body = {"name": "Experiment", "price": 1000, "stock": stock, "imageUrl": "/images/experiment.png"}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.post(f"{layout.http('products')}/products", json=body) as response,
        ):
            response.raise_for_status()
            return int((await response.json())["id"])
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ShopError(f"products does not take a new product ({error})") from error
