"""Stage 4's flags, and stage files in which something is wrong."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.support import (
    BUSINESS,
    COUNT_NATIONS,
    broken_lines,
    by_id,
    digests,
    lines,
    make,
    program_of,
    question_of,
    run,
    write_questions,
)
from utils.core.paths import WorkDir

DEFAULT_INSTRUCTION = (
    "You are an analytics expert and a proficient Pydough generator that creates Python code based on natural "
    "language descriptions."
)


def _release(staged: WorkDir, *flags: object) -> list[dict[str, Any]]:
    make(4, staged.root, "--questions", staged.root / "questions.csv", *flags)
    latest = staged.sft / "latest"
    assert broken_lines(latest / "train.jsonl") == []
    return [line for side in ("train", "validation") for line in lines(latest / f"{side}.jsonl")]


def _question(line: dict[str, Any]) -> dict[str, str]:
    return next(row for row in BUSINESS if question_of(line).startswith(row["question"]))


def test_a_line_has_exactly_the_shape_of_the_format(staged: WorkDir) -> None:
    for line in _release(staged):
        question = _question(line)
        schema = "# TPCH" if question["db_name"] == "tpch" else "# Broker"
        asked = question_of(line)
        assert asked.startswith(f"{question['question']}\n\nDatabase Schema:\n{schema}\n\n## ")
        assert line == {
            "systemInstruction": {"role": "system", "parts": [{"text": DEFAULT_INSTRUCTION}]},
            "contents": [
                {"role": "user", "parts": [{"text": asked}]},
                {"role": "model", "parts": [{"text": question["pydough"]}]},
            ],
        }


def test_the_answers_about_the_language_stand_in_a_file_of_their_own(staged: WorkDir) -> None:
    _release(staged)
    answers = by_id(staged.stage("basicq"))
    written = [
        line for side in ("train", "validation") for line in lines(staged.sft / "latest" / f"basicq_{side}.jsonl")
    ]
    assert sorted((question_of(line), program_of(line)) for line in written) == sorted(
        (row["question"], row["answer"]) for row in answers.values()
    )


def test_the_schema_as_json_or_not_at_all(staged: WorkDir) -> None:
    for line in _release(staged, "--schema", "json"):
        asked, _heading, schema = question_of(line).partition("\n\nDatabase Schema:\n")
        assert asked == _question(line)["question"]
        collections = json.loads(schema)["collections"]
        assert {"nations", "parts"} <= set(collections) or {"tickers", "transactions"} <= set(collections)
    for line in _release(staged, "--schema", "none"):
        assert question_of(line) == _question(line)["question"]


def test_documentation_goes_into_the_question_and_never_into_the_target(staged: WorkDir) -> None:
    generated = by_id(staged.stage("generated"))
    for line in _release(staged, "--context", "docs"):
        question = _question(line)
        documentation = generated[question["question_id"]]["documentation"]
        assert len(documentation) > 100
        assert question_of(line).endswith(f"\n\nDocumentation:\n{documentation}")
        assert program_of(line) == question["pydough"]


@pytest.mark.slow
def test_another_system_instruction(staged: WorkDir, tmp_path: Path) -> None:
    (tmp_path / "instruction.txt").write_text("  Schreib PyDough, höchstens fünf Schritte.\n", encoding="utf-8")
    for line in _release(staged, "--system-instruction", tmp_path / "instruction.txt"):
        assert line["systemInstruction"]["parts"] == [{"text": "Schreib PyDough, höchstens fünf Schritte."}]
    [answer, *_rest] = lines(staged.sft / "latest" / "basicq_train.jsonl")
    assert answer["systemInstruction"]["parts"] == [{"text": "Schreib PyDough, höchstens fünf Schritte."}]


@pytest.mark.slow
def test_share_and_seed_move_rows_and_make_versions_of_their_own(staged: WorkDir) -> None:
    def sides(*flags: object) -> tuple[str, dict[str, str]]:
        _release(staged, *flags)
        outcomes = {row["question_id"]: row["outcome"] for row in lines(staged.sft / "latest" / "rows.jsonl")}
        return str((staged.sft / "latest").readlink()), {
            row["question_id"]: outcomes[row["question_id"]] for row in BUSINESS
        }

    none = sides("--validation-share", 0)
    assert set(none[1].values()) == {"train"}
    most = sides("--validation-share", 0.999)
    assert set(most[1].values()) == {"validation"}
    halves = [sides("--validation-share", 0.5, "--seed", seed) for seed in range(4)]
    assert len({version for version, _sides in [none, most, *halves]}) == 6
    assert len({tuple(found.items()) for _version, found in halves}) > 1
    again = sides("--validation-share", 0.5, "--seed", 0)
    assert again == halves[0]


@pytest.mark.slow
def test_force_writes_the_same_set_again(staged_copy: WorkDir, staged: WorkDir) -> None:
    questions = staged.root / "questions.csv"
    make(4, staged_copy.root, "--questions", questions)
    before = digests(staged_copy.sft)
    printed = make(4, staged_copy.root, "--questions", questions, "--force")
    assert "written" in printed.splitlines()[-1]
    after = digests(staged_copy.sft)
    changed = {Path(name).name for name in before if before[name] != after[name]}
    assert changed <= {"manifest.json", "report.html", "README.md"}  # their time of making
    assert list(before) == list(after)


def test_unknown_ids_are_told_row_by_row(staged_copy: WorkDir, tmp_path: Path) -> None:
    questions = write_questions(tmp_path / "some.csv", BUSINESS[:2])
    for _run in ("first", "up to date"):
        done = run(4, staged_copy.root, "--questions", questions)
        assert done.returncode == 1
        assert done.stdout.splitlines()[-1] == "below target: 2 failed rows, --max-failures allows 0"
        assert done.stderr.splitlines() == [
            f"questions.csv:{line}: question_id '{name}' is in none of the question files; add it there or drop the row"
            for line, name in ((4, "parts"), (5, "customers"))
        ]
    rows = by_id(staged_copy.sft / "latest" / "rows.jsonl")
    assert Counter(rows[name]["outcome"] for name in ("parts", "customers")) == {"unknown_schema": 2}
    written = (staged_copy.sft / "latest" / "train.jsonl").read_text(encoding="utf-8")
    assert BUSINESS[2]["pydough"] not in written
    make(4, staged_copy.root, "--questions", questions, "--max-failures", 2)


def test_broken_lines_of_the_stages_cost_only_themselves(staged_copy: WorkDir, staged: WorkDir) -> None:
    work = staged_copy
    first, second, third, fourth = work.stage("generated").read_text(encoding="utf-8").splitlines()
    second = json.dumps({name: value for name, value in json.loads(second).items() if name != "question"})
    third = json.dumps(json.loads(third) | {"verdict": json.loads(third)["verdict"] | {"status": "mismatch"}})
    work.stage("generated").write_text("\n".join([first, '{"question_id": "cut', second, third, fourth, ""]))
    answer, other = work.stage("basicq").read_text(encoding="utf-8").splitlines()
    work.stage("basicq").write_text("\n".join(["[1, 2]", answer, other[:-9], ""]))
    for _run in ("first", "up to date"):
        done = run(4, work.root, "--questions", staged.root / "questions.csv")
        assert done.returncode == 1
        told = done.stderr.splitlines()
        assert len(told) == 5
        assert told[0].startswith(f"{work.stage('generated')}:2: not JSON (")
        assert told[1].startswith(f"{work.stage('generated')}:3: field 'question': Field required")
        assert told[2] == "questions.csv:4: marked as accepted, but its verdict is not 'match'"
        assert told[3].startswith(f"{work.stage('basicq')}:1: expected a JSON object, found list")
        assert told[4].startswith(f"{work.stage('basicq')}:3: not JSON (")
    latest = work.sft / "latest"
    rows = lines(latest / "rows.jsonl")
    outcomes = [row["outcome"] for row in rows]
    assert [outcome for outcome in outcomes if outcome not in ("train", "validation")] == [
        *["invalid"] * 4,
        "basicq_train",
        "invalid",
    ]
    assert [row["source"] for row in rows if not row["question_id"]] == [
        "generated.jsonl:2",
        "generated.jsonl:3",
        "basicq.jsonl:1",
        "basicq.jsonl:3",
    ]
    counts = json.loads((latest / "manifest.json").read_text(encoding="utf-8"))["counts"]
    assert counts["4 merge_schema_data"]["rows"] == 5 == counts["3 generate_finetuning_data_gemini"]["rows"]
    assert counts["4 merge_schema_data"]["invalid"] == 3
    assert counts["4 basicq"] == {"rows": 3, "basicq_train": 1, "invalid": 2}
    assert "generated.jsonl:2" in (latest / "report.html").read_text(encoding="utf-8")


def test_duplicates_name_the_row_that_stays(work: WorkDir, staged: WorkDir) -> None:
    renamed = "n = COUNT(nations)  # the same\nresult = TPCH.CALCULATE(n_nations=n)"
    rows = [
        COUNT_NATIONS,
        {**COUNT_NATIONS, "question_id": "same_question", "question": "HOW MANY  nations do we deal with"},
        {
            **COUNT_NATIONS,
            "question_id": "same_program",
            "question": "Count the nations.",
            "pydough": f"{COUNT_NATIONS['pydough']}  # again",
        },
        {**COUNT_NATIONS, "question_id": "other_program", "question": "Nations: how many?", "pydough": renamed},
        {**COUNT_NATIONS, "question_id": "shouting", "question": "How many nations, please?", "db_name": "TPCH"},
        {
            **COUNT_NATIONS,
            "question_id": "elsewhere",
            "question": "How many nations on DuckDB?",
            "db_name": "tpch_duckdb",
        },
    ]
    questions = write_questions(work.root / "q.csv", rows)
    for stage in (2, 3):
        make(stage, work.root, "--provider", "corpus", "--questions", questions)
    for name in ("basicq.jsonl", ".basicq.jsonl.inputs.json"):
        (work.root / "stages" / name).write_bytes((staged.root / "stages" / name).read_bytes())
    printed = make(4, work.root, "--questions", questions)
    outcomes = {row["question_id"]: row for row in lines(work.sft / "latest" / "rows.jsonl")}
    same = {"same_question": "question", "same_program": "program", "other_program": "program", "shouting": "program"}
    for name, kind in same.items():
        assert (outcomes[name]["outcome"], outcomes[name]["detail"]) == ("duplicate", f"same {kind} as nations")
    for name in ("nations", "elsewhere"):
        assert outcomes[name]["outcome"] in ("train", "validation")
    assert "4 duplicate" in printed


@pytest.mark.parametrize("share", ["1", "-0.1", "nan", "half"])
def test_a_share_that_is_none(staged: WorkDir, share: str) -> None:
    done = run(4, staged.root, f"--validation-share={share}")
    assert done.returncode == 2
    assert "--validation-share" in done.stderr.splitlines()[-1]


def test_targets_run_again_and_rows_that_fail_a_new_proof_go(staged_copy: WorkDir, staged: WorkDir) -> None:
    questions = ("--questions", staged.root / "questions.csv")
    make(4, staged_copy.root, *questions, "--execute", 2)
    manifest = json.loads((staged_copy.sft / "latest" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["executed"] == {"targets": 2, "rows_proven_again": False, "unproven": 0}

    generated = staged_copy.stage("generated")
    rows = lines(generated)
    rows[0]["program"] = "result = TPCH.CALCULATE(n=COUNT(regions))"
    generated.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    stopped = run(4, staged_copy.root, *questions, "--execute", len(rows))
    assert stopped.returncode == 2
    assert "the target does not give what was proven (mismatch: " in stopped.stderr
    left_out = run(4, staged_copy.root, *questions, "--execute", len(rows), "--reprove", "--instances", 2)
    assert left_out.returncode == 1, left_out.stderr  # a failed row, which is told
    assert f"{rows[0]['source']}: mismatch: " in left_out.stderr
    assert by_id(staged_copy.sft / "latest" / "rows.jsonl")[rows[0]["question_id"]]["outcome"] == "unproven"
    assert (
        len([line for side in ("train", "validation") for line in lines(staged_copy.sft / "latest" / f"{side}.jsonl")])
        == 3
    )
