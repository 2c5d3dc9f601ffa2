"""Programs that are run once more: the targets that were written, and every row with --reprove."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.dataset.support import answer, example, lines
from utils.core.console import UserError
from utils.core.jsonl import write_jsonl
from utils.core.paths import WorkDir
from utils.core.records import Example
from utils.databases.catalog import built_in_entries
from utils.dataset.execution import Execution, run_targets, unproven_rows
from utils.dataset.release import Lot, ReleaseSettings, WrittenRow, write_release
from utils.dataset.rendering import TARGETS, LineSettings, Rendering
from utils.proof.settings import ProofSettings

COUNT = "result = Broker.CALCULATE(n=COUNT(customers))"
RIGHT = example("right", db_name="broker", program=COUNT, gold_sql="SELECT COUNT(*) FROM sbCustomer")
OF_OTHERS = example(
    "others",
    db_name="broker",
    program="result = Broker.CALCULATE(n=COUNT(tickers))",
    gold_sql="SELECT COUNT(*) FROM sbTicker",
)
WITHOUT_GOLD = example("vote", db_name="broker", program="result = tickers.CALCULATE(symbol)", tier="vote")
WRONG = example("wrong", db_name="broker", program=COUNT, gold_sql="SELECT COUNT(*) + 1 FROM sbCustomer")
BROKEN = example("broken", db_name="broker", program="result = tickers.CALCULATE(no_such_name)", tier="vote")
QUICK = Execution(proof=ProofSettings(instances=2), workers=1)


def _written(work: WorkDir, rows: Iterable[Example], lines_as: LineSettings) -> list[WrittenRow]:
    rows = list(rows)
    write_jsonl(work.stage("generated"), rows)
    write_jsonl(work.stage("basicq"), [answer("sort")])
    counts = write_release(
        work.sft,
        work.stage("generated"),
        work.stage("basicq"),
        [(row.question_id, row.db_name) for row in rows],
        Rendering(built_in_entries(work), lines_as),
        ReleaseSettings(sample=50, basicq_share=0.4),
    )
    return counts.sample


def _run(work: WorkDir, sample: list[WrittenRow], settings: LineSettings) -> int:
    return run_targets(work.sft, work.stage("generated"), sample, settings.target, built_in_entries(work), QUICK)


@pytest.mark.parametrize("target", TARGETS)
def test_targets_are_run_as_they_were_written(work: WorkDir, target) -> None:
    settings = LineSettings(target=target)
    sample = _written(work, [RIGHT, OF_OTHERS, WITHOUT_GOLD], settings)
    assert len(sample) == 3
    assert _run(work, sample, settings) == 3


@pytest.mark.parametrize("at_fault", [WRONG, BROKEN])
def test_a_target_that_gives_something_else_stops_the_release(work: WorkDir, at_fault: Example) -> None:
    sample = _written(work, [OF_OTHERS, at_fault], LineSettings())
    with pytest.raises(UserError, match=r"^(train|validation)\.jsonl:\d: the target does not give what was proven"):
        _run(work, sample, LineSettings())


def test_what_is_run_is_what_stands_in_the_file(work: WorkDir) -> None:
    sample = _written(work, [RIGHT], LineSettings())
    ((_number, side, _line),) = sample
    path = work.sft / f"{side}.jsonl"
    (record, *answers) = lines(path)
    record["contents"][-1]["parts"][0]["text"] = "result = Broker.CALCULATE(n=COUNT(tickers))"
    path.write_text("".join(json.dumps(one) + "\n" for one in (record, *answers)), encoding="utf-8")
    with pytest.raises(UserError, match="mismatch"):
        _run(work, sample, LineSettings())


def test_rows_that_fail_when_proven_again_are_found_and_left_out(work: WorkDir) -> None:
    rows = [RIGHT, WRONG, WITHOUT_GOLD, BROKEN, example("other", db_name="nowhere"), example("no", status="mismatch")]
    _written(work, rows, LineSettings())
    entries = built_in_entries(work)
    found = unproven_rows(work.stage("generated"), entries, QUICK)
    assert sorted(found) == [2, 4]
    assert found[2].startswith("mismatch: ")
    assert found[4].startswith("code_error: ")
    known = [(row.question_id, row.db_name) for row in rows]
    stages = work.stage("generated"), work.stage("basicq")
    counts = write_release(
        work.sft, *stages, known, Rendering(entries, LineSettings()), ReleaseSettings(), unproven=found
    )
    assert counts.rows["unproven"] == 2
    told = {row["question_id"]: row["detail"] for row in lines(work.sft / "rows.jsonl") if row["outcome"] == "unproven"}
    assert told == {"wrong": found[2], "broken": found[4]}


def test_a_database_that_is_not_there_is_told_once(tmp_path: Path) -> None:
    work = WorkDir(tmp_path)
    sample = _written(work, [RIGHT], LineSettings())
    with pytest.raises(UserError, match=r"broker\.sqlite.*--execute 0"):
        _run(work, sample, LineSettings())


def test_the_lot_draws_as_many_as_asked_and_hardly_changes() -> None:
    def drawn(names: Iterable[int]) -> set[int]:
        lot = Lot(seed=7, count=10)
        for number in names:
            lot.show(f"q{number}", WrittenRow(number, "train", number))
        return {row.number for row in lot.drawn()}

    assert len(drawn(range(1000))) == 10
    assert drawn(range(1000)) == drawn(reversed(range(1000)))
    assert len(drawn(range(1000)) & drawn(range(1010))) >= 9
    assert drawn(range(4)) == {0, 1, 2, 3}
