"""``shop report`` on the command line."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from lab.cli import app
from tests.lab.report.documents import document


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "results.json"
    path.write_bytes(orjson.dumps(document(rounds=1)))
    return path


def test_the_page_goes_beside_the_file_and_its_path_to_stdout(results: Path) -> None:
    done = CliRunner().invoke(app(), ["report", str(results)])
    assert done.exit_code == 0
    page = results.with_name("report.html")
    assert done.stdout == f"{page}\n"
    assert "Products down for 10 s" in page.read_text(encoding="utf-8")


def test_the_page_goes_where_it_is_told_to_go(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "a folder" / "page.html"
    assert CliRunner().invoke(app(), ["report", str(results), "--out", str(out)]).exit_code == 0
    assert out.exists()
    assert not results.with_name("report.html").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "`shop compare` writes one"),
        ("{", "is no JSON"),
        ("[]", "no comparison"),
        ('{"rounds": 1}', "no comparison"),
    ],
)
def test_what_is_no_comparison_is_named(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "given.json"
    if content is not None:
        path.write_text(content)
    done = CliRunner().invoke(app(), ["report", str(path)])
    assert done.exit_code == 1
    assert said in " ".join(done.stderr.split())
    assert not path.with_name("report.html").exists()
