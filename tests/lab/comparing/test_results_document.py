"""The document of a comparison is what its page and its schema say, and others can compute its figures anew."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from lab.benchmarks.tables import MEASURED, ROOT, SCHEMA
from lab.comparing.differences import concluded
from lab.comparing.faults import Hit
from lab.comparing.schema import Results, Settings, undocumented
from lab.comparing.schema_rounds import Fault, Load
from lab.comparing.settings import CompareSettings
from lab.load.histogram import encoded, histogram, percentiles
from lab.load.result import LoadResult
from tests.lab.comparing.documents import whole

PAGE = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
COMPARISONS = [path for path in sorted(MEASURED.glob("*.json")) if b'"outcomes"' in path.read_bytes()]


def test_a_document_is_what_the_schema_says() -> None:
    document = concluded(whole())
    assert list(undocumented(Results.model_validate(document))) == []
    assert list(schema().iter_errors(document)) == []


@pytest.mark.parametrize("path", COMPARISONS, ids=lambda path: path.name)
def test_so_is_every_measured_file_whatever_its_age(path: Path) -> None:
    document = orjson.loads(path.read_bytes())
    assert list(undocumented(Results.model_validate(document))) == []
    assert list(schema().iter_errors(document)) == []


def test_a_document_from_before_the_schema_still_reads() -> None:
    document = whole()
    assert "schema" not in document
    assert Results.model_validate(document).summary == []
    assert list(schema().iter_errors(document)) == []


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("rounds", 0, "load", "offered"), "many"),
        (("rounds", 0, "load", "accept_latency", "p50"), "soon"),
        (("conditions", "settings", "rate"), None),
        (("differences", 0, "verdict"), "perhaps"),
        (("schema",), "shop-compare/2"),
    ],
)
def test_what_is_not_of_this_format_is_refused(where: tuple[Any, ...], value: Any) -> None:
    document = concluded(whole())
    part: Any = document
    for step in where[:-1]:
        part = part[step]
    part[where[-1]] = value
    assert list(schema().iter_errors(document)) != []


def test_a_key_that_nobody_described_is_found() -> None:
    document = whole()
    document["rounds"][0]["cpu"]["surprise"] = 1
    assert list(undocumented(Results.model_validate(document))) == [".rounds[].cpu.surprise"]


def test_what_the_lab_writes_of_load_settings_and_faults_is_described() -> None:
    for written, described in ((LoadResult, Load), (CompareSettings, Settings), (Hit, Fault)):
        names = {field.name for field in fields(written)}
        assert names <= described.model_fields.keys(), written.__name__


def test_every_key_says_what_it_means() -> None:
    keys = re.findall(r"^\| (`[^|]*`) \| [^|]* \| (.*) \|$", PAGE.partition("## Keys")[2], re.MULTILINE)
    assert len(keys) > 100
    assert [key for key, meaning in keys if not meaning.strip()] == []


def test_the_page_shows_how_percentiles_are_computed_anew(tmp_path: Path) -> None:
    """Its program runs as it stands there, over two rounds whose latencies are known."""
    document, took = whole(), [[1.0, 2.0, 400.0], [3.0, 5.0, 80.0, 7.0]]
    events = [one for one in document["rounds"] if one["wiring"] == "events"]
    for one, latencies in zip(events, took, strict=True):
        one["load"]["histogram"] = encoded(histogram(latencies))
    (tmp_path / "results.json").write_bytes(orjson.dumps(document))
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = {name: float(value) for name, value in re.findall(r"(p\d+): ([\d.]+) ms", done.stdout)}
    expected = percentiles(histogram([each for latencies in took for each in latencies]))
    assert {name: told[name] for name in ("p50", "p95", "p99")} == {
        name: expected[name] for name in ("p50", "p95", "p99")
    }


def schema() -> Any:
    return jsonschema_rs.validator_for(orjson.loads(SCHEMA.read_bytes()))
