"""Many generated rows through several processes: each accounted for, and nothing on two sides."""

from __future__ import annotations

from pathlib import Path

from benchmarks.release_rows import write_stages
from tests.dataset.support import leaks, lines, release_settings
from utils.core.parallel import FEW
from utils.core.questions import known_databases
from utils.dataset.release import write_release


def test_rows_of_several_processes_come_out_in_their_order(tmp_path: Path) -> None:
    rows = FEW + 700
    generated, answers, questions = write_stages(tmp_path / "in", rows)
    settings = {"schema": "none", "validation_share": 0.2, "test_share": 0.1}
    known = known_databases([questions])
    counts = write_release(tmp_path, generated, answers, known, *release_settings(**settings))
    leaks(tmp_path, **settings)  # raises where something leaks
    account = lines(tmp_path / "rows.jsonl")
    assert [row["question_id"] for row in account] == [f"g{n}" for n in range(rows)] + [f"a{n}" for n in range(10)]
    assert counts.rows.total() == rows
    assert min(counts.rows[name] for name in ("duplicate", "near_duplicate", "mismatch", "train", "test")) > 30
    assert set(counts.rows) <= {"duplicate", "near_duplicate", "mismatch", "train", "validation", "test", "leak"}
    for side in ("train", "validation", "test"):
        asked = [line["contents"][0]["parts"][0]["text"] for line in lines(tmp_path / f"{side}.jsonl")]
        assert asked == [row["question"] for row in account if row["outcome"] == side]
