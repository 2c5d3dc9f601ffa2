from __future__ import annotations

import hashlib
import json
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.dataset.support import ENTRIES, answer, example, lines, released
from utils.core.jsonl import write_jsonl
from utils.core.paths import WorkDir
from utils.core.records import Verdict
from utils.dataset.manifest import build_manifest, file_entry, read_manifest, stage_counts, write_manifest
from utils.dataset.release import ReleaseCounts, ReleaseSettings
from utils.dataset.report import MAX_REJECTED, MAX_SAMPLES, write_report

HOSTILE = """<script>alert("x")</script><img src=x onerror='alert(1)'> & {{ 7 * 7 }}"""


class _Page(HTMLParser):
    """A page as a browser reads it: its tags and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags[tag] += 1
        assert not [name for name, _value in attrs if name.startswith("on") or name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def _version(root: Path, rows: list, answers: list = [], **settings: Any) -> tuple[Path, dict[str, Any]]:  # noqa: B006
    """The folder and manifest of a release of hand-made stages in the work folder `root`."""
    work, folder = WorkDir(root), root
    counts = released(folder, rows, answers, schema="none", **settings)
    write_jsonl(work.stage("documented"), rows)
    inputs = [root / "a" / "q.csv", root / "b" / "q.csv"]
    for path in inputs:
        path.parent.mkdir(exist_ok=True)
        path.write_text(path.parent.name)
    manifest = build_manifest(
        "0123", folder, counts, ReleaseSettings(**settings), inputs, {"tpch": ENTRIES["tpch"]}, work
    )
    return folder, manifest


def _rows() -> list:
    return [
        example("a", program="result = TPCH.CALCULATE(n=COUNT(nations))"),
        example("b", program="result = regions.ORDER_BY(name.ASC())"),
        example("c", program="result = parts.CALCULATE(n=COUNT(lines), m=COUNT(suppliers))", db_name="tpch_duckdb"),
        example("d", status="mismatch", verdict=Verdict(status="mismatch", detail="2 rows, not 3")),
    ]


def test_the_counts_of_every_stage_add_up(tmp_path: Path) -> None:
    _folder, manifest = _version(
        tmp_path, _rows(), [answer("x"), answer("y", status="error", answer="")], validation_share=0
    )
    assert manifest["counts"] == {
        "1 basicQ_retrieve_pydough": {"rows": 2, "answered": 1, "error": 1},
        "2 retrieve_pydough": {"rows": 4, "accepted": 3, "mismatch": 1},
        "3 generate_finetuning_data_gemini": {"rows": 4, "accepted": 3, "mismatch": 1},
        "4 merge_schema_data": {"rows": 4, "mismatch": 1, "train": 3},
        "4 basicq": {"rows": 2, "basicq": 1, "error": 1},
    }
    assert manifest["databases"] == {
        "tpch": {"train": 2, "validation": 0},
        "tpch_duckdb": {"train": 1, "validation": 0},
    }


def test_a_row_that_was_lost_is_noticed(tmp_path: Path) -> None:
    folder, _manifest = _version(tmp_path, _rows())
    with pytest.raises(RuntimeError, match="3 rows decided"):
        build_manifest(
            "0123", folder, ReleaseCounts(rows=Counter(train=3)), ReleaseSettings(), [], {}, WorkDir(tmp_path)
        )


def test_files_inputs_sessions_and_versions_are_recorded(tmp_path: Path) -> None:
    folder, manifest = _version(tmp_path, _rows(), validation_share=0, seed=3)
    train = (folder / "train.jsonl").read_bytes()
    assert manifest["files"]["train.jsonl"] == {
        "rows": 3,
        "bytes": len(train),
        "sha256": hashlib.sha256(train).hexdigest(),
    }
    assert manifest["inputs"] == {f"{name}/q.csv": hashlib.sha256(name.encode()).hexdigest() for name in ("a", "b")}
    assert manifest["settings"]["seed"] == 3
    assert manifest["sessions"]["tpch"] == {
        "graph": "TPCH",
        "now": "2023-12-15 14:30:00",
        "configs": {"start_of_week": "MONDAY", "division_by_zero": "NULL"},
    }
    assert manifest["versions"]["pydough"] == "1.0.33"
    assert manifest["versions"]["sqlglot"] == "30.18.0"


def test_operators_are_counted_by_program(tmp_path: Path) -> None:
    _folder, manifest = _version(tmp_path, _rows(), validation_share=0.5)
    assert list(manifest["operators"].items()) == [("CALCULATE", 2), ("COUNT", 2), ("ASC", 1), ("ORDER_BY", 1)]


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder, manifest = _version(tmp_path, _rows())
    write_manifest(folder, manifest)
    assert read_manifest(folder) == json.loads(json.dumps(manifest))


def test_lines_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"status": "accepted"}\n{"status"\n\n{"id": 1}\n7\n{"status": "accepted"}\n')
    assert stage_counts(tmp_path / "x.jsonl") == {"rows": 5, "accepted": 2, "invalid": 3}


def test_a_files_rows_are_its_lines(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("{}\n" * 70_000)
    assert file_entry(tmp_path / "x.jsonl")["rows"] == 70_000
    (tmp_path / "x.jsonl").write_text("")
    assert file_entry(tmp_path / "x.jsonl")["rows"] == 0


def test_the_report_shows_texts_and_runs_none(tmp_path: Path) -> None:
    rows = [
        example("a", question=HOSTILE),
        example(HOSTILE, question="Why?", status="code_error", detail=f"{HOSTILE} detail", program=None),
    ]
    folder, manifest = _version(tmp_path, rows, validation_share=0)
    write_report(folder, manifest)
    page = _Page(folder / "report.html")
    assert page.text.count(HOSTILE) == 3
    assert f"{HOSTILE} detail" in page.text
    assert not page.tags.keys() & {"script", "img", "iframe", "link"}
    assert rows[0].program in page.text


def test_the_report_lists_what_did_not_make_it_and_nothing_else(tmp_path: Path) -> None:
    folder, manifest = _version(
        tmp_path, _rows(), [answer("told"), answer("untold", status="error", answer="", detail="no luck")]
    )
    (folder / "rows.jsonl").write_text(
        (folder / "rows.jsonl").read_text()
        + json.dumps({"question_id": "", "source": "generated.jsonl:9", "outcome": "invalid", "detail": "not JSON"})
    )
    write_report(folder, manifest)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Rows that did not make it (3)" in page
    for cells in ("<td>d</td><td>mismatch</td><td>2 rows, not 3</td>", "<td>untold</td><td>error</td><td>no luck</td>"):
        assert cells in page
    assert "<td>generated.jsonl:9</td><td>invalid</td><td>not JSON</td>" in page
    assert "<td>told</td>" not in page


def test_a_report_stays_readable_however_many_rows_there_are(tmp_path: Path) -> None:
    rows = [example(f"bad{n}", status="mismatch", verdict=None) for n in range(MAX_REJECTED + 20)]
    rows += [example(f"good{n}") for n in range(MAX_SAMPLES + 20)]
    folder, manifest = _version(tmp_path, rows, validation_share=0)
    write_report(folder, manifest)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("<td>mismatch</td>") == MAX_REJECTED
    assert page.count("<details>") == MAX_SAMPLES
    assert len(lines(folder / "rows.jsonl")) == len(rows)
