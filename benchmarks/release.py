"""Stage 4 on a million rows: how fast, in how much memory, and whether that grows; beside two naive ways.

`make bench-release` writes benchmarks/results/release.json. Every way runs as a process of its own on the same
generated rows; memory is the proportional share (PSS) of it and its children, sampled, at its highest.

- rows_per_s, peak_mb_1m: `merge_schema_data.py`, which finds near duplicates and leaks, too; peak_mb_by_rows: growth.
- naive_*: pandas reads all rows, joins the questions, drops equal ones, splits and writes; datasets_*: the same with
  Hugging Face datasets. Neither looks for near duplicates, checks a contract or a split.
- report_open_s: Chromium opens the report of 20,000 rows; report_search_s: until a search of them has its count.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.release_rows import write_stages
from benchmarks.report_page import measure_report
from utils.core.console import run_script
from utils.core.jsonl import whole_file
from utils.core.paths import PROJECT_ROOT, WorkDir

RESULTS = PROJECT_ROOT / "benchmarks" / "results" / "release.json"
ROWS = 1_000_000
REPORT_ROWS = 20_000
_EVERY_S = 0.2


@dataclass(frozen=True)
class Cost:
    """What a process and its children took: wall seconds, and megabytes at their highest."""

    seconds: float
    peak_mb: float


def measured(command: Sequence[str | Path]) -> Cost:
    """Run a command to its end; raises RuntimeError with its last words where it fails."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen([*map(str, command)], cwd=PROJECT_ROOT, stdout=words, stderr=words)
        watched = psutil.Process(process.pid)
        peak = 0
        while process.poll() is None:
            peak = max(peak, _share_of_memory(watched))
            time.sleep(_EVERY_S)
        seconds = time.perf_counter() - started
        if process.returncode not in (0, 1):
            words.seek(0)
            raise RuntimeError(words.read()[-2000:].decode(errors="replace"))
    return Cost(seconds, peak / 1e6)


def measure(rows: int, report_rows: int, growth: Sequence[int], log: Any = print) -> dict[str, Any]:
    """All figures, the rows made anew in a temporary folder."""
    figures: dict[str, Any] = {"rows": rows}
    with tempfile.TemporaryDirectory() as place:
        peaks: dict[str, float] = {}
        for count in sorted({*growth, rows}):
            work = WorkDir(Path(place) / str(count))
            _generated, _answers, questions = write_stages(work.root / "stages", count)
            cost = measured(_stage_4(work, questions))
            log(f"{count:,} rows: {cost.seconds:.0f} s, {cost.peak_mb:.0f} MB")
            peaks[str(count)] = round(cost.peak_mb)
        figures |= {"rows_per_s": round(rows / cost.seconds), "seconds": round(cost.seconds, 1)}
        figures |= {"peak_mb_1m": round(cost.peak_mb), "peak_mb_by_rows": peaks}
        for way, prefix in (("pandas", "naive"), ("datasets", "datasets")):
            script = [sys.executable, "-m", "benchmarks.naive_release", way, work.root / "stages", Path(place) / way]
            cost = measured(script)
            log(f"{way}: {cost.seconds:.0f} s, {cost.peak_mb:.0f} MB")
            figures |= {f"{prefix}_rows_per_s": round(rows / cost.seconds), f"{prefix}_peak_mb_1m": round(cost.peak_mb)}
    opened = measure_report(report_rows)
    figures |= {"report_rows": report_rows, "report_mb": opened["mb"], "report_write_s": opened["write_s"]}
    figures |= {"report_open_s": opened["open_ms"] / 1000, "report_search_s": opened["search_ms"] / 1000}
    return figures


def _stage_4(work: WorkDir, questions: Path) -> list[str | Path]:
    flags = ["--work-dir", work.root, "--questions", questions, "--execute", "0", "--max-failures", "10000000"]
    return [sys.executable, "merge_schema_data.py", *flags]


def _share_of_memory(process: psutil.Process) -> int:
    """Bytes of a process and its children, shared pages divided among those that share them."""
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_full_info().pss
    except psutil.Error:  # one has just ended
        pass
    return total


def main(argv: list[str] | None = None) -> int:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS, help="generated rows (default %(default)s)")
    parser.add_argument("--growth", type=int, nargs="*", default=[100_000, 300_000], help="smaller runs, for growth")
    parser.add_argument("--report-rows", type=int, default=REPORT_ROWS, help="rows of the report (default %(default)s)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the figures go (default %(default)s)")
    args = parser.parse_args(argv)
    figures = measure(args.rows, args.report_rows, args.growth)
    with whole_file(args.out) as stream:
        stream.write(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
