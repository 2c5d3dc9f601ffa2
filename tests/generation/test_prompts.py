from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from utils.core.paths import WorkDir
from utils.core.records import Counterexample, Example, Lint, Passage, Question, TableRows, Verdict
from utils.databases.catalog import built_in_entries
from utils.databases.entries import schema_text
from utils.generation import prompting
from utils.generation.prompting import Prompts
from utils.proof.settings import REASONS

ENTRY = built_in_entries(WorkDir(Path("/nowhere")))["tpch"]
QUESTION = Question(question_id="q", db_name="tpch", question="How large is AR?", definitions="AR = account revenue")
PASSAGES = [Passage(passage_id="1", path="a.md > COUNT", text="COUNT counts <rows> & more.")]
EXAMPLES = [
    Example(question_id="e1", db_name="tpch", question="How many nations?", status="accepted", program="result = 1"),
    Example(question_id="e2", db_name="broker", question="How many tickers?", status="accepted", program="result = 2"),
]


def test_the_system_instruction_states_contract_version_settings_and_clock() -> None:
    text = Prompts().system(ENTRY, "1.0.33")
    assert "PyDough 1.0.33" in text
    assert "division_by_zero=NULL, start_of_week=MONDAY." in text
    assert "2023-12-15 14:30:00" in text
    for rule in (
        "exactly one ```python code block",
        "`result`",
        "no imports",
        "no f-strings",
        "so that no two rows tie",
    ):
        assert rule in text


def test_a_database_without_settings_and_clock_has_none_in_its_instruction() -> None:
    text = Prompts().system(replace(ENTRY, configs={}, now=None), "1.0.33")
    assert "Session settings" not in text and "clock" not in text


def test_the_question_turn_holds_schema_manual_examples_and_ends_with_the_question() -> None:
    schema = schema_text(ENTRY)
    text = Prompts().question(QUESTION, schema, PASSAGES, EXAMPLES)
    places = [
        text.index(part)
        for part in (
            schema.strip(),
            "# Sections of the manual",
            "## a.md > COUNT\nCOUNT counts <rows> & more.",
            "# Solved examples",
            "Question: How many nations?\n\n```python\nresult = 1\n```",
            "Question (on another database, broker): How many tickers?\n\n```python\nresult = 2\n```",
            "# Question\nHow large is AR?\n\nDefinitions: AR = account revenue",
        )
    ]
    assert places == sorted(places)
    assert text.endswith("AR = account revenue")


def test_without_examples_or_passages_there_is_no_heading_for_them() -> None:
    assert "Solved examples" not in Prompts().question(QUESTION, "# S", PASSAGES, [])
    assert "manual" not in Prompts().question(QUESTION, "# S", [], EXAMPLES)


def test_every_reason_for_a_difference_has_words() -> None:
    assert set(prompting._WHERE) == set(REASONS) - {"other"}


def test_no_template_leaves_gaps() -> None:
    prompts = Prompts()
    shown = Counterexample(
        tables={"nation": TableRows(columns=["n"], rows=[[1]])},
        gold=TableRows(columns=["COUNT(*)"], rows=[[1]]),
        program=TableRows(columns=["n"], rows=[[2]]),
    )
    full = Verdict(status="mismatch", detail="x", differs_on="1", reasons=["tie"], counterexample=shown, hint="y")
    for text in (
        prompts.system(ENTRY, "1.0.33"),
        prompts.question(QUESTION, "# S", PASSAGES, EXAMPLES),
        prompts.repair("mismatch", full, PASSAGES),
        prompts.repair("code_error", full, PASSAGES, as_json=True),
        prompts.repair("no_code", Verdict(status="code_error", detail="found none"), []),
    ):
        assert "\n\n\n" not in text, text
    assert "COUNT(*)" not in prompts.repair("mismatch", full, [])  # gold's own words stay with gold


def test_braces_in_texts_are_texts() -> None:
    hostile = QUESTION.model_copy(update={"question": "{{ 7 * 7 }} {% if %}"})
    assert "{{ 7 * 7 }} {% if %}" in Prompts().question(hostile, "# S", PASSAGES, EXAMPLES)


def test_a_repair_turn_tells_what_went_wrong_with_advice_and_sections() -> None:
    prompts = Prompts()
    error = prompts.repair("code_error", Verdict(status="code_error", detail="no such term", hint="Use it."), PASSAGES)
    assert "Error: no such term" in error and "PyDough's advice: Use it." in error and "## a.md > COUNT" in error
    lint = Lint(code="null_vs_zero", line=3, explanation="SUM of nothing")
    differs = prompts.repair(
        "quirk",
        Verdict(
            status="quirk",
            detail="on data made for the query (instance 3): 5 rows, expected 7",
            differs_on="3",
            reasons=["null_order", "tie"],
            lints=[lint],
        ),
        [],
    )
    assert "What differs, on a small database made to test it: 5 rows, expected 7\n" in differs
    assert "manual" not in differs and "Line 3: SUM of nothing" in differs
    assert (
        "only where nulls have to be put in order, or where rows are equal in all that they are ordered by." in differs
    )
    for text in (error, differs):
        assert "one ```python code block" in text
    assert "one ```python" not in prompts.repair("mismatch", Verdict(status="mismatch"), [], as_json=True)


def test_the_version_is_the_templates_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = Prompts().version
    assert len(version) == 16 and Prompts().version == version
    folder = tmp_path / "prompts"
    shutil.copytree(prompting._FOLDER, folder)
    monkeypatch.setattr(prompting, "_FOLDER", folder)
    assert Prompts().version == version  # where they stand does not matter
    for template in sorted(folder.glob("*.j2")):
        before = template.read_text(encoding="utf-8")
        template.write_text(before + " ", encoding="utf-8")
        assert Prompts().version != version, template.name
        template.write_text(before, encoding="utf-8")
    assert Prompts().version == version


def test_a_value_that_a_template_needs_and_nobody_gives_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "repair.j2").write_text("{{ nobody }}")
    monkeypatch.setattr(prompting, "_FOLDER", tmp_path)
    with pytest.raises(UndefinedError, match="nobody"):
        Prompts().repair("mismatch", Verdict(status="mismatch"), [])
