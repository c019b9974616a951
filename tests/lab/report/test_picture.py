"""Pictures of pages are what the report's code draws from the document beside them."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import orjson
import pytest

from lab.report.picture import main, picture_of
from lab.running.errors import ShopError
from tests.house.tree import ROOT
from tests.lab.report.documents import document

MEASURED = ROOT / "docs/measured/wirings.json"
PICTURES = {"docs/pictures/products-down.svg": "products-down"}


@pytest.mark.parametrize("picture", PICTURES)
def test_a_pages_picture_is_drawn_from_the_measured_file(picture: str) -> None:
    if not MEASURED.exists():
        assert not (ROOT / picture).exists(), "a picture without the figures it shows"
        pytest.skip(f"nothing is measured yet: {MEASURED.relative_to(ROOT)}")
    drawn = picture_of(orjson.loads(MEASURED.read_bytes()), PICTURES[picture])
    again = f".venv/bin/python -m lab.report.picture {MEASURED.relative_to(ROOT)} {PICTURES[picture]} > {picture}"
    assert (ROOT / picture).read_text(encoding="utf-8") == f"{drawn}\n", f"write it anew: {again}"


def test_a_picture_stands_alone_in_both_schemes() -> None:
    drawn = ElementTree.fromstring(picture_of(document(), "products-down"))
    assert drawn.tag.endswith("svg")
    style = next(one for one in drawn.iter() if one.tag.endswith("style"))
    assert "prefers-color-scheme: dark" in (style.text or "")
    assert drawn.attrib["width"] == "720"


def test_a_scenario_that_was_not_measured_is_named() -> None:
    with pytest.raises(ShopError, match="no 'kafka-down' in this comparison; there are healthy, products-down"):
        picture_of(document(rounds=1), "kafka-down")


def test_it_is_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.json"
    path.write_bytes(orjson.dumps(document(rounds=1)))
    main([str(path), "healthy"])
    assert ElementTree.fromstring(capsys.readouterr().out)
