"""The catalogue a shop starts with."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from products_svc.seeding import CatalogueError, read, seed
from products_svc.settings import ProductsSettings
from tests.products_svc.shelf import announced, assert_the_ledger_adds_up

LAMP = {"id": 17, "name": "LAMP", "price": 2990, "stock": 100, "imageUrl": "/lamp.png"}


async def test_the_default_catalogue_is_the_original_labs(products_url: str, sql: Any) -> None:
    await sql.execute("TRUNCATE products, stock_ledger")
    settings = ProductsSettings(database_url=products_url)
    assert await seed(settings) == 5
    rows = await sql.fetch("SELECT id, name, price, stock FROM products ORDER BY id")
    assert [tuple(row) for row in rows] == [
        (1, "TV", 10_000, 1_000_000),
        (2, "MASK", 20_000, 2_000_000),
        (3, "NOTEBOOK", 30_000, 3_000_000),
        (4, "TABLE", 40_000, 4_000_000),
        (5, "CLOCK", 50_000, 5_000_000),
    ]
    assert [name for name, _ in await announced(sql)] == ["ProductChanged"] * 5
    await assert_the_ledger_adds_up(sql)


async def test_seeding_again_changes_and_announces_nothing(products_url: str, sql: Any) -> None:
    await sql.execute("UPDATE products SET price = 1 WHERE id = 2")
    assert await seed(ProductsSettings(database_url=products_url)) == 0
    assert await sql.fetchval("SELECT price FROM products WHERE id = 2") == 1
    assert await announced(sql) == []


async def test_in_a_synchronous_wiring_the_seed_is_not_announced(products_url: str, sql: Any, tmp_path: Path) -> None:
    file = tmp_path / "catalogue.json"
    file.write_text(json.dumps([LAMP]))
    assert await seed(ProductsSettings(database_url=products_url, wiring="chain"), file) == 1
    assert await announced(sql) == []


async def test_a_large_catalogue_is_seeded_in_pieces(products_url: str, sql: Any, tmp_path: Path) -> None:
    file = tmp_path / "catalogue.json"
    file.write_text(json.dumps([{"id": number, "name": f"P{number}", "price": 1} for number in range(1, 2501)]))
    assert await seed(ProductsSettings(database_url=products_url), file) == 2495
    assert await sql.fetchval("SELECT count(*) FROM products") == 2500
    await assert_the_ledger_adds_up(sql)


def test_a_catalogue_file_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.json"
    file.write_text(json.dumps([LAMP]))
    [entry] = read(file)
    assert (entry.id, entry.name, entry.price, entry.stock, entry.image_url) == (17, "LAMP", 2990, 100, "/lamp.png")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[", "JSON|Expecting"),
        (b"\xff", "decode"),
        (b'{"id": 1}', "list"),
        (b'[{"name": "LAMP", "price": 1}]', "0.id"),
        (b'[{"id": 1, "name": "LAMP", "price": -1}]', "0.price"),
        (b'[{"id": 1, "name": "A", "price": 1}, {"id": 1, "name": "B", "price": 1}]', "product 1"),
    ],
)
def test_a_bad_catalogue_file_is_refused_with_the_reason(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "catalogue.json"
    file.write_bytes(content)
    with pytest.raises(CatalogueError, match=told):
        read(file)
    with pytest.raises(CatalogueError, match="missing"):
        read(tmp_path / "missing.json")


def test_the_command_seeds_and_says_what_is_wrong_with_a_file(products_url: str, sql: Any, tmp_path: Path) -> None:
    file = tmp_path / "catalogue.json"
    file.write_text(json.dumps([LAMP]))
    done = command(products_url, "seed", "--catalogue", str(file))
    assert (done.returncode, done.stdout) == (0, "1 products added\n")
    file.write_text("[7]")
    failed = command(products_url, "seed", "--catalogue", str(file))
    assert failed.returncode == 1
    assert str(file) in failed.stderr


def command(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SHOP_DATABASE_URL": url}
    return subprocess.run(
        [sys.executable, "-m", "products_svc", *arguments], env=environment, capture_output=True, text=True, timeout=60
    )
