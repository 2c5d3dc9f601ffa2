from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.dataset.support import ENTRIES, answer, example, leaks, release_settings, released
from utils.core.jsonl import write_jsonl
from utils.core.paths import WorkDir
from utils.core.records import Verdict
from utils.dataset.manifest import build_manifest, file_entry, read_manifest, stage_counts, write_manifest
from utils.dataset.release import ReleaseCounts


def _version(root: Path, rows: list, answers: list = [], **settings: Any) -> tuple[Path, dict[str, Any]]:  # noqa: B006
    """The folder and manifest of a release of hand-made stages in the work folder `root`."""
    work, folder = WorkDir(root), root
    counts = released(folder, rows, answers, schema="none", **settings)
    write_jsonl(work.stage("documented"), rows)
    inputs = [root / "a" / "q.csv", root / "b" / "q.csv"]
    for path in inputs:
        path.parent.mkdir(exist_ok=True)
        path.write_text(path.parent.name)
    _rendering, release = release_settings(**settings)
    told = {"rows": release}
    leakage = leaks(folder, schema="none", **settings)
    manifest = build_manifest("0123", folder, counts, leakage, told, inputs, {"tpch": ENTRIES["tpch"]}, work)
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
        "4 basicq": {"rows": 2, "basicq_train": 1, "error": 1},
    }
    assert manifest["databases"] == {
        "tpch": {"train": 2, "validation": 0},
        "tpch_duckdb": {"train": 1, "validation": 0},
    }
    assert manifest["tiers"] == {
        "doc": {"train": 0, "validation": 0, "basicq_train": 1},
        "gold": {"train": 3, "validation": 0, "basicq_train": 0},
    }
    assert manifest["difficulty"] == {"easy": {"train": 3, "validation": 0}}


def test_a_row_that_was_lost_is_noticed(tmp_path: Path) -> None:
    folder, _manifest = _version(tmp_path, _rows())
    with pytest.raises(RuntimeError, match="3 rows decided"):
        build_manifest("0123", folder, ReleaseCounts(rows=Counter(train=3)), {}, {}, [], {}, WorkDir(tmp_path))


def test_files_inputs_sessions_and_versions_are_recorded(tmp_path: Path) -> None:
    folder, manifest = _version(tmp_path, _rows(), validation_share=0, seed=3)
    train = (folder / "train.jsonl").read_bytes()
    assert manifest["files"]["train.jsonl"] == {
        "rows": 3,
        "bytes": len(train),
        "sha256": hashlib.sha256(train).hexdigest(),
    }
    assert manifest["inputs"] == {f"{name}/q.csv": hashlib.sha256(name.encode()).hexdigest() for name in ("a", "b")}
    assert manifest["settings"]["rows"]["split"]["seed"] == 3
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


def test_operators_of_the_language_that_no_row_uses_are_listed(tmp_path: Path) -> None:
    _folder, manifest = _version(tmp_path, _rows(), validation_share=0.5)
    assert {"RANKING", "PARTITION", "QUANTILE"} <= set(manifest["operators_unused"])
    assert not {"CALCULATE", "COUNT", "ADD", "SLICE"} & set(manifest["operators_unused"])


def test_what_calls_have_cost(tmp_path: Path) -> None:
    _folder, manifest = _version(tmp_path, _rows(), validation_share=0)
    assert manifest["cost"] == {"usd": 0, "calls": 0, "usd_per_accepted": 0.0, "models": {}}


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
