from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dataset.support import ENTRIES, answer, example, lines, outcomes, released
from utils.core.console import UserError
from utils.core.records import Verdict
from utils.dataset.release import ReleaseSettings, SchemaJoiner, write_release
from utils.dataset.sft import SYSTEM_INSTRUCTION, contract_problem

OTHER_TEMPLATES = (
    "COUNT(parts)",
    "SUM(parts.size)",
    "MIN(parts.size)",
    "MAX(parts.size)",
    "AVG(parts.size)",
    "COUNT(lines)",
)


def test_every_row_has_one_line_out_in_its_order(tmp_path: Path) -> None:
    rows = [
        example("good"),
        example("wrong", status="mismatch", verdict=Verdict(status="mismatch", detail="5 rows, not 7"), tier=None),
        example("unwritten", status="no_program", detail="nobody has written one", program=None, verdict=None),
        example("copy", question="what about GOOD"),
        example("stranger", question="Who are you?"),
    ]
    answers = [answer("sort"), answer("fly", status="no_passages", detail="nothing matches", answer="")]
    counts = released(tmp_path, rows, answers, known=["good", "wrong", "unwritten", "copy"], validation_share=0)
    assert lines(tmp_path / "rows.jsonl") == [
        {
            "question_id": name,
            "db_name": db_name,
            "outcome": outcome,
            "detail": detail,
            "tier": tier,
            "origin": origin,
            "source": source,
            "is_benchmark": False,
        }
        for name, db_name, outcome, detail, tier, origin, source in [
            ("good", "tpch", "train", "", "gold", "corpus", "q.csv:good"),
            ("wrong", "tpch", "mismatch", "5 rows, not 7", None, "corpus", "q.csv:wrong"),
            ("unwritten", "tpch", "no_program", "nobody has written one", "gold", "corpus", "q.csv:unwritten"),
            ("copy", "tpch", "duplicate", "same question as good", "gold", "corpus", "q.csv:copy"),
            (
                "stranger",
                "tpch",
                "unknown_schema",
                "question_id 'stranger' is in none of the question files; add it there or drop the row",
                "gold",
                "corpus",
                "q.csv:stranger",
            ),
            ("sort", "", "basicq", "", "doc", "", "basicq.jsonl:1"),
            ("fly", "", "no_passages", "nothing matches", None, "", "basicq.jsonl:2"),
        ]
    ]
    assert counts.rows == Counter(train=1, mismatch=1, no_program=1, duplicate=1, unknown_schema=1)
    assert counts.answers == Counter(basicq=1, no_passages=1)
    assert counts.written == Counter({("tpch", "train"): 1})


def test_only_what_is_accepted_and_proven_is_written(tmp_path: Path) -> None:
    statuses = ("mismatch", "code_error", "gold_error", "unsafe", "timeout", "degenerate", "infra_error", "call_failed")
    rows = [example(status, status=status, program=f"result = secret_{status}") for status in statuses]
    rows += [
        example("unproven", verdict=None),
        example("contradiction", verdict=Verdict(status="mismatch")),
        example("empty", program=None),
        example("broken", program="result = (secret_broken"),
        example("idle", program="nations"),
        example("good"),
    ]
    released(tmp_path, rows, validation_share=0)
    assert [line["contents"][1]["parts"][0]["text"] for line in lines(tmp_path / "train.jsonl")] == [rows[-1].program]
    assert outcomes(tmp_path) == {
        **{status: status for status in statuses},
        **dict.fromkeys(["unproven", "contradiction", "empty", "broken", "idle"], "invalid"),
        "good": "train",
    }
    details = {row["question_id"]: row["detail"] for row in lines(tmp_path / "rows.jsonl")}
    assert details["unproven"] == "q.csv:unproven: marked as accepted, but its verdict is not 'match'"
    assert details["broken"].startswith("q.csv:broken: marked as accepted, but has no program (syntax error")


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
    joiner = SchemaJoiner({"a": "tpch", "b": "tpch"}, ENTRIES, "none")
    counts = write_release(
        tmp_path / "out", tmp_path / "generated.jsonl", tmp_path / "basicq.jsonl", joiner, ReleaseSettings()
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


def test_one_question_on_two_databases_never_stands_on_both_sides(tmp_path: Path) -> None:
    rows = [
        example(f"{name}_{number}", question=f"Question {number}?", db_name=name, program=f"result = {operator}")
        for number in range(20)
        for name, operator in zip(("tpch", "tpch_duckdb"), (OTHER_TEMPLATES * 7)[number : number + 2], strict=True)
    ]
    rows = [row.model_copy(update={"program": f"{row.program}.WHERE(key > {i})"}) for i, row in enumerate(rows)]
    counts = released(tmp_path, rows, schema="none", validation_share=0.5)
    sides = {
        side: {line["contents"][0]["parts"][0]["text"] for line in lines(tmp_path / f"{side}.jsonl")}
        for side in ("train", "validation")
    }
    assert sides["train"] and sides["validation"]
    assert not sides["train"] & sides["validation"]
    leaks = [row["detail"] for row in lines(tmp_path / "rows.jsonl") if row["outcome"] == "leak"]
    assert counts.rows["leak"] == len(leaks) > 0
    assert set(leaks) <= {"the same question stands in train", "the same question stands in validation"}


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
            assert found[row["detail"].split()[-1]] in ("train", "validation")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, more=ROWS)
def test_rows_added_at_the_end_change_no_earlier_line(tmp_path: Path, rows: list, more: list) -> None:
    def written(chosen: list) -> dict[str, str]:
        examples = [
            example(f"r{index}", question=question, program=program, db_name=db_name)
            for index, (question, program, db_name) in enumerate(chosen)
        ]
        released(tmp_path, examples, schema="none", validation_share=0.4)
        return {
            name: (tmp_path / f"{name}.jsonl").read_text(encoding="utf-8") for name in ("train", "validation", "rows")
        }

    before, after = written(rows), written(rows + more)
    for name, text in before.items():
        assert after[name].startswith(text)


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
        tmp_path, [example("a")], [answer("good"), answer("blank", answer=" "), answer("long", answer="x" * 400_000)]
    )
    assert counts.answers == Counter(basicq=1, contract=2)
    assert len(lines(tmp_path / "basicq.jsonl")) == 1
    assert outcomes(tmp_path) | {"a": ""} == {"a": "", "good": "basicq", "blank": "contract", "long": "contract"}


def test_too_much_validation_is_refused(tmp_path: Path) -> None:
    rows = [example(f"r{index}", program=f"result = nations.WHERE(key == {index})") for index in range(1_002)]
    with pytest.raises(UserError, match=r"more than 30 % of 0 training rows; lower --validation-share"):
        released(tmp_path, rows, schema="none", validation_share=0.99999)


def test_empty_stages_make_empty_files(tmp_path: Path) -> None:
    counts = released(tmp_path, [])
    assert (counts.rows.total(), counts.answers.total()) == (0, 0)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.jsonl")} == {
        f"{name}.jsonl": b"" for name in ("basicq", "train", "validation", "rows")
    }
