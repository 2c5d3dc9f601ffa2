"""The benchmark of synthesis, on a few rows: the figures are there, and none is out of bounds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.synthesis import main
from utils.core.paths import WorkDir


@pytest.mark.skipif(not WorkDir().databases.exists(), reason="needs `make databases`")
def test_figures_of_a_few_rows(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    assert main(["--rows", "12", "--only", "broker", "--out", str(out)]) == 0
    figures = json.loads(out.read_text(encoding="utf-8"))["broker"]
    assert figures["rows"] == figures["rows_proven"] == 12
    assert figures["duplicate_questions"] == 0
    assert figures["kept_per_s_core"] > 0 and figures["bare_per_s_core"] > 0
    assert 0 < figures["operator_coverage"] < 1 and 0 < figures["operator_overlap"] < 1
    assert figures["distinct_template_share"] > 0.5 and figures["words_median"] > 5
