"""The benchmark of stage 4, on a few rows: every way runs, and the figures are there."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks.release import main, measured
from benchmarks.report_page import CHROMIUM


@pytest.mark.skipif(not CHROMIUM.exists(), reason="opens the report in Chromium")
@pytest.mark.slow
def test_all_ways_run_on_a_few_rows(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    assert main(["--rows", "2500", "--growth", "500", "--report-rows", "200", "--out", str(out)]) == 0
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert figures["rows"] == 2500
    assert set(figures["peak_mb_by_rows"]) == {"500", "2500"}
    for name in ("rows_per_s", "peak_mb_1m", "naive_peak_mb_1m", "datasets_peak_mb_1m", "report_open_s"):
        assert figures[name] > 0, name


def test_memory_is_measured_over_children_too(tmp_path: Path) -> None:
    child = "import time; held = bytearray(300_000_000); held[::4096] = b'x' * len(held[::4096]); time.sleep(2)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    cost = measured([sys.executable, "-c", parent])
    assert 290 < cost.peak_mb < 400
    assert 2 < cost.seconds < 20


def test_a_way_that_fails_is_told() -> None:
    with pytest.raises(RuntimeError, match="no such thing"):
        measured([sys.executable, "-c", "import sys; print('no such thing', file=sys.stderr); sys.exit(2)"])
