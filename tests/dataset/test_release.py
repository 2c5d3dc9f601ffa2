from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dataset.support import answer, example, lines, outcomes, release_settings, released
from utils.core.jsonl import write_jsonl
from utils.core.paths import WorkDir
from utils.core.records import TableRows, Verdict
from utils.dataset.contract import contract_problem, estimated_tokens
from utils.dataset.release import write_release
from utils.dataset.sft import SYSTEM_INSTRUCTION

OTHER_TEMPLATES = (
    "COUNT(parts)",
    "SUM(parts.size)",
    "MIN(parts.size)",
    "MAX(parts.size)",
    "AVG(parts.size)",
    "COUNT(lines)",
)


def test_every_row_has_one_line_out_in_its_order(tmp_path: Path) -> None:
    wrong = Verdict(status="mismatch", detail="5 rows, not 7", notes=["a tie"])
    given = TableRows(columns=["name", "n"], rows=[["PERU", 2.5], [None, 3]], more=4)
    right = Verdict(status="match", instances_passed=1, instances_tried=1, answer=given)
    rows = [
        example("good", definitions="good = not bad", verdict=right),
        example("wrong", status="mismatch", verdict=wrong, tier=None),
        example("unwritten", status="no_program", detail="nobody has written one", program=None, verdict=None),
        example("copy", question="what about GOOD", definitions="good = not bad"),
        example("stranger", question="Who are you?"),
    ]
    answers = [answer("sort"), answer("fly", status="no_passages", detail="nothing matches", answer="")]
    counts = released(tmp_path, rows, answers, known=["good", "wrong", "unwritten", "copy"], validation_share=0)
    written = lines(tmp_path / "rows.jsonl")
    assert [tuple(row[key] for key in ("question_id", "outcome", "detail", "tier", "source")) for row in written] == [
        ("good", "train", "", "gold", "q.csv:good"),
        ("wrong", "mismatch", "5 rows, not 7", None, "q.csv:wrong"),
        ("unwritten", "no_program", "nobody has written one", "gold", "q.csv:unwritten"),
        ("copy", "duplicate", "same question as good", "gold", "q.csv:copy"),
        (
            "stranger",
            "unknown_schema",
            "question_id 'stranger' is in none of the question files; add it there or drop the row",
            "gold",
            "q.csv:stranger",
        ),
        ("sort", "basicq_train", "", "doc", "basicq.jsonl:1"),
        ("fly", "no_passages", "nothing matches", None, "basicq.jsonl:2"),
    ]
    tokens = estimated_tokens(lines(tmp_path / "train.jsonl")[0])
    assert written[0] == {
        "question_id": "good",
        "db_name": "tpch",
        "outcome": "train",
        "detail": "",
        "tier": "gold",
        "origin": "corpus",
        "source": "q.csv:good",
        "is_benchmark": False,
        "question": "What about good?\n\nDefinitions: good = not bad",
        "program": rows[0].program,
        "difficulty": "easy",
        "operators": ["WHERE"],
        "template": written[0]["template"],
        "tokens": tokens,
        "verdict": {
            "status": "match",
            "instances_passed": 1,
            "instances_tried": 1,
            "differs_on": "",
            "reasons": [],
            "notes": [],
            "lints": [],
        },
        "result": {"columns": ["name", "n"], "rows": [["PERU", 2.5], [None, 3]], "more": 4},
    }
    assert re.fullmatch("[0-9a-f]{12}", written[0]["template"])
    assert written[1]["verdict"]["notes"] == ["a tie"]
    assert {row["tokens"] for row in written[1:5]} == {0} and written[5]["tokens"] > 0
    assert counts.rows == Counter(train=1, mismatch=1, no_program=1, duplicate=1, unknown_schema=1)
    assert counts.answers == Counter(basicq_train=1, no_passages=1)
    assert counts.databases == Counter({("tpch", "train"): 1})
    assert counts.tiers == Counter({("gold", "train"): 1, ("doc", "basicq_train"): 1})
    assert counts.difficulty == Counter({("easy", "train"): 1})
    assert counts.operators == Counter(WHERE=1)


def test_a_row_of_another_database_than_its_question_says_is_stale(tmp_path: Path) -> None:
    work = WorkDir(tmp_path)
    write_jsonl(work.stage("generated"), [example("a", db_name="TPCH"), example("b", db_name="broker")])
    write_jsonl(work.stage("basicq"), [])
    known = [("a", "tpch"), ("b", "tpch")]
    write_release(tmp_path, work.stage("generated"), work.stage("basicq"), known, *release_settings(validation_share=0))
    assert outcomes(tmp_path) == {"a": "train", "b": "unknown_schema"}
    [told] = [row["detail"] for row in lines(tmp_path / "rows.jsonl") if row["question_id"] == "b"]
    assert told == "question_id 'b' is of database 'tpch' in the question files, of 'broker' here; run stage 3 again"


def test_only_what_is_accepted_and_proven_is_written(tmp_path: Path) -> None:
    statuses = ("mismatch", "code_error", "gold_error", "unsafe", "timeout", "degenerate", "infra_error", "call_failed")
    rows = [example(status, status=status, program=f"result = secret_{status}") for status in statuses]
    rows += [
        example("unproven", verdict=None),
        example("contradiction", verdict=Verdict(status="mismatch")),
        example("empty", program=None),
        example("broken", program="result = (secret_broken"),
        example("idle", program="nations"),
        example("hostile", program="import os\nresult = os.system('ls')"),
        example("silent", question="  "),
        example("misspelt", status="accpted"),
        example("good"),
    ]
    released(tmp_path, rows, validation_share=0)
    assert [line["contents"][1]["parts"][0]["text"] for line in lines(tmp_path / "train.jsonl")] == [rows[-1].program]
    assert outcomes(tmp_path) == {
        **{status: status for status in statuses},
        **dict.fromkeys(
            ["unproven", "contradiction", "empty", "broken", "idle", "hostile", "silent", "misspelt"], "invalid"
        ),
        "good": "train",
    }
    details = {row["question_id"]: row["detail"] for row in lines(tmp_path / "rows.jsonl")}
    assert details["unproven"] == "q.csv:unproven: marked as accepted, but its verdict is not 'match'"
    assert details["broken"].startswith("q.csv:broken: marked as accepted, but has no program (syntax error")
    assert details["hostile"].startswith("q.csv:hostile: marked as accepted, but its program may not be run (")
    assert details["silent"] == "q.csv:silent: marked as accepted, but asks nothing"
    assert details["misspelt"] == "q.csv:misspelt: unknown status 'accpted'"


def test_tiers_that_were_not_asked_for_stay_out(tmp_path: Path) -> None:
    rows = [example("proven"), example("voted", tier="vote")]
    released(tmp_path, rows, tiers=("gold",), validation_share=0)
    assert outcomes(tmp_path) == {"proven": "train", "voted": "other_tier"}
    released(tmp_path, rows, tiers=("vote",), validation_share=0)
    assert outcomes(tmp_path) == {"proven": "other_tier", "voted": "train"}


def test_a_row_of_an_unknown_database_is_told(tmp_path: Path) -> None:
    rows = [example("moon", db_name="planets"), example("earth")]
    released(tmp_path, rows)
    [moon, _earth] = lines(tmp_path / "rows.jsonl")
    assert moon["outcome"] == "unknown_schema"
    assert moon["detail"].startswith("unknown database 'planets'; known: broker, ")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "not JSON"),
        ("null", "expected a JSON object, found NoneType"),
        ('{"question_id": "x"}', "field '"),
        ('{"question_id": "\\ud83d"}', "holds half a character"),
        ("[" * 100_000, "not JSON"),
        ('{"a": ' + "9" * 5_000 + "}", "not JSON"),
    ],
)
def test_a_broken_line_costs_only_itself(tmp_path: Path, line: str, told: str) -> None:
    stages = {"generated": [example("a"), example("b")], "basicq": [answer("a"), answer("b")]}
    for name, records in stages.items():
        good = [record.model_dump_json() for record in records]
        (tmp_path / f"{name}.jsonl").write_text("\n".join([good[0], line, "", good[1]]) + "\n")
    counts = write_release(
        tmp_path / "out",
        tmp_path / "generated.jsonl",
        tmp_path / "basicq.jsonl",
        [("a", "tpch"), ("b", "tpch")],
        *release_settings(schema="none"),
    )
    assert counts.rows["invalid"] == counts.answers["invalid"] == 1
    assert counts.rows.total() == counts.answers.total() == 3
    rows = lines(tmp_path / "out" / "rows.jsonl")
    assert [row["source"] for row in rows if row["outcome"] == "invalid"] == ["generated.jsonl:2", "basicq.jsonl:2"]
    for row, name in ((rows[1], "generated"), (rows[4], "basicq")):
        assert row["detail"].startswith(f"{tmp_path / name}.jsonl:2: {told}")
        assert row["question_id"] == ""


def test_the_first_row_that_is_written_is_the_one_that_stays(tmp_path: Path) -> None:
    too_long = "x" * 400_000
    rows = [
        example("too_long", question="How many?", definitions=too_long, program="result = parts"),
        example("same_program", question="Which parts?", program="result = parts"),
        example("third", question="Parts, please", program="result = (parts)"),
    ]
    released(tmp_path, rows, validation_share=0)
    found = {row["question_id"]: (row["outcome"], row["detail"]) for row in lines(tmp_path / "rows.jsonl")}
    assert found["too_long"][0] == "contract" and "tokens" in found["too_long"][1]
    assert found["same_program"] == ("train", "")
    assert found["third"] == ("duplicate", "same program as same_program")


PROGRAMS = st.builds(
    lambda collection, operator, number: f"result = {collection}.CALCULATE(n={operator}, k={number})",
    st.sampled_from(["nations", "regions", "parts"]),
    st.sampled_from(OTHER_TEMPLATES),
    st.integers(0, 3),
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["Q1", "q1?", "Q2", "Q3", "Q4", "Q5"]), PROGRAMS, st.sampled_from(["tpch", "tpch_duckdb"])
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, share=st.sampled_from([0.0, 0.3, 0.5, 0.9]), seed=st.integers(0, 5))
def test_nothing_is_lost_and_nothing_leaks(tmp_path: Path, rows: list, share: float, seed: int) -> None:
    examples = [
        example(f"r{index}", question=question, program=program, db_name=db_name)
        for index, (question, program, db_name) in enumerate(rows)
    ]
    counts = released(tmp_path, examples, schema="none", validation_share=share, seed=seed)
    found = outcomes(tmp_path)
    assert list(found) == [row.question_id for row in examples]
    assert counts.rows == Counter(found.values())
    written = {side: lines(tmp_path / f"{side}.jsonl") for side in ("train", "validation")}
    assert {side: len(written[side]) for side in written} == {side: counts.rows[side] for side in written}
    assert all(contract_problem(line) == "" for side in written.values() for line in side)
    for position in (0, 1):  # question, program
        texts = {
            side: {line["contents"][position]["parts"][0]["text"].strip("?").lower() for line in written[side]}
            for side in written
        }
        assert not texts["train"] & texts["validation"]
    for row in lines(tmp_path / "rows.jsonl"):
        if row["outcome"] == "duplicate":
            assert found[row["detail"].split()[-1]] in ("train", "validation", "leak")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, more=ROWS)
def test_rows_added_move_none_to_another_side(tmp_path: Path, rows: list, more: list) -> None:
    def sides(chosen: list) -> dict[str, str]:
        examples = [
            example(f"r{index}", question=question, program=program, db_name=db_name)
            for index, (question, program, db_name) in enumerate(chosen)
        ]
        released(tmp_path, examples, schema="none", validation_share=0.4)
        return {name: side for name, side in outcomes(tmp_path).items() if side in ("train", "validation")}

    before, after = sides(rows), sides(rows + more)
    assert all(after.get(name, side) == side for name, side in before.items())


def test_the_settings_shape_the_lines(tmp_path: Path) -> None:
    row = example("a", definitions="AR = account revenue")
    released(tmp_path, [row], validation_share=0)
    [line] = lines(tmp_path / "train.jsonl")
    asked = "What about a?\n\nDefinitions: AR = account revenue"
    assert line["contents"][0]["parts"][0]["text"].startswith(f"{asked}\n\nDatabase Schema:\n# TPCH\n")
    assert line["systemInstruction"]["parts"] == [{"text": SYSTEM_INSTRUCTION}]
    released(tmp_path, [row], validation_share=0, schema="none", with_documentation=True, system_instruction="Write.")
    [line] = lines(tmp_path / "train.jsonl")
    assert line["contents"][0]["parts"] == [{"text": f"{asked}\n\nDocumentation:\nAbout a."}]
    assert line["systemInstruction"]["parts"] == [{"text": "Write."}]
    released(tmp_path, [row], validation_share=0, schema="json")
    [line] = lines(tmp_path / "train.jsonl")
    schema = line["contents"][0]["parts"][0]["text"].partition("Database Schema:\n")[2]
    assert json.loads(schema)["graph"] == "TPCH"


def test_an_answer_that_breaks_the_contract_is_told_and_left_out(tmp_path: Path) -> None:
    counts = released(
        tmp_path,
        [example("a")],
        [answer("good"), answer("blank", answer=" "), answer("long", answer="x" * 400_000)],
        validation_share=0,
    )
    assert counts.answers == Counter(basicq_train=1, contract=2)
    assert len(lines(tmp_path / "basicq_train.jsonl")) == 1
    assert outcomes(tmp_path) | {"a": ""} == {"a": "", "good": "basicq_train", "blank": "contract", "long": "contract"}


def test_empty_stages_make_empty_files(tmp_path: Path) -> None:
    counts = released(tmp_path, [])
    assert (counts.rows.total(), counts.answers.total()) == (0, 0)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.jsonl")} == {
        f"{name}.jsonl": b"" for name in ("basicq_train", "basicq_validation", "train", "validation", "rows")
    }


def test_answers_are_divided_and_a_share_of_them_mixed_in(tmp_path: Path) -> None:
    examples = [example(f"r{n}", program=f"result = nations.WHERE(key == {n})") for n in range(60)]
    answers = [answer(f"q{n}") for n in range(100)] + [answer("again", question="HOW to q5")]
    counts = released(tmp_path, examples, answers, schema="none", validation_share=0.2, seed=3, basicq_share=0.25)
    train = lines(tmp_path / "train.jsonl")
    mixed = [line for line in train if line["contents"][0]["parts"][0]["text"].startswith("How to")]
    assert counts.answers["train"] == len(mixed) == round(counts.rows["train"] / 3) > 0
    assert counts.answers["duplicate"] == 1
    assert 8 < counts.answers["basicq_validation"] == len(lines(tmp_path / "basicq_validation.jsonl")) < 35
    written = [row for row in lines(tmp_path / "rows.jsonl") if row["outcome"] == "train"]
    for row, line in zip(written, train, strict=True):  # the k-th row of a file is the k-th of its outcome
        assert line["contents"][0]["parts"][0]["text"] == row["question"]
