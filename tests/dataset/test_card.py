"""The dataset card and the prompt template of a version."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.dataset.support import ENTRIES, answer, example, lines, released
from utils.databases.entries import schema_text
from utils.databases.schema_text import SchemaStyle
from utils.dataset.card import markdown_cell, size_category, write_card
from utils.dataset.formats import write_format
from utils.dataset.manifest import file_entry
from utils.dataset.prompt_template import prompt_template, render_user_turn, write_prompt_template
from utils.dataset.sft import SYSTEM_INSTRUCTION

FULL: dict[str, Any] = {
    "version": "0123456789ab",
    "created_at": "2026-01-02T03:04:05+00:00",
    "counts": {"4 merge_schema_data": {"rows": 1234, "train": 3, "near_duplicate": 7}},
    "databases": {"tpch": {"train": 3, "validation": 1}, "broker": {"train": 0, "test": 2}},
    "tiers": {"gold": {"train": 2, "validation": 1}, "synthetic": {"train": 1}},
    "difficulty": {"easy": {"train": 3}, "expert": {"test": 2}},
    "operators": {"COUNT": 3, "TOP_K": 1},
    "operators_unused": ["PREV", "NEXT"],
    "leakage": {
        "pairs": [
            {"between": ["train", "validation"], "question": 0, "near_question": 0, "program": 0, "schema": 1234},
        ],
        "forbidden": ["question", "near_question", "program"],
    },
    "cost": {"usd": 12.5, "calls": 4321, "usd_per_accepted": 0.0125, "models": {}},
    "licence": "Apache-2.0",
    "versions": {"pydough": "1.0.33"},
    "sessions": {"tpch": {"now": "2023-12-15 14:30:00"}, "broker": {"now": None}},
}


def version(folder: Path) -> dict[str, Any]:
    """A written version of three splits, and a full manifest of it."""
    examples = [example(name, program=f"result = {name}s.CALCULATE(n=1)") for name in ("customer", "order", "part")]
    released(folder, examples, [answer("x")], validation_share=0)
    return FULL | {"files": {path.name: file_entry(path) for path in sorted(folder.glob("*.jsonl"))}}


def card(folder: Path, manifest: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Front matter and body."""
    text = write_card(folder, manifest).read_text(encoding="utf-8")
    assert text.startswith("---\n")
    _, front, body = text.split("---\n", 2)
    assert "\n\n\n" not in body
    return yaml.safe_load(front), body


def headings(body: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", body, flags=re.DOTALL), re.MULTILINE)


def test_the_front_matter_is_what_hugging_face_reads(tmp_path: Path) -> None:
    front, _body = card(tmp_path, version(tmp_path))
    assert front == {
        "pretty_name": "PyDough training set 0123456789ab",
        "license": "apache-2.0",
        "language": ["en"],
        "task_categories": ["text-generation"],
        "size_categories": ["n<1K"],
        "tags": ["code", "pydough", "text-to-sql", "gemini", "supervised-fine-tuning", "synthetic"],
        "configs": [
            {"config_name": "default", "default": True, "data_files": [{"split": "train", "path": "train.jsonl"}]},
            {"config_name": "basicq", "data_files": [{"split": "train", "path": "basicq_train.jsonl"}]},
        ],
    }


def test_parquet_is_named_where_there_is_some_and_every_named_file_has_rows(tmp_path: Path) -> None:
    manifest = version(tmp_path)
    write_format(tmp_path, "parquet")
    front, body = card(tmp_path, manifest)
    files = [file for config in front["configs"] for file in config["data_files"]]
    assert files == [
        {"split": "train", "path": "parquet/train-00000-of-00001.parquet"},
        {"split": "train", "path": "parquet/basicq_train-00000-of-00001.parquet"},
    ]  # validation is empty
    assert all((tmp_path / file["path"]).stat().st_size for file in files)
    assert "`parquet/`" in body and "The Parquet files have" in body


def test_the_counts_of_the_manifest_stand_in_the_card(tmp_path: Path) -> None:
    _front, body = card(tmp_path, version(tmp_path))
    for line in (
        "| train | 3 | `train.jsonl` |",
        "| basicq_train | 1 | `basicq_train.jsonl` |",
        "| tier | train | validation |\n|---|---:|---:|\n| gold | 2 | 1 |\n| synthetic | 1 | 0 |",
        "| database | train | validation | test |\n|---|---:|---:|---:|\n| tpch | 3 | 1 | 0 |\n| broker | 0 | 0 | 2 |",
        "| difficulty | train | test |\n|---|---:|---:|\n| easy | 3 | 0 |\n| expert | 0 | 2 |",
        "- 4 merge\\_schema\\_data: rows 1,234, train 3, near\\_duplicate 7\n",
        "| between | question | near\\_question | program | schema |\n|---|---:|---:|---:|---:|\n"
        "| train and validation | 0 | 0 | 0 | 1,234 |",
        "A version is written only with 0 in: question, near\\_question, program.",
        "COUNT 3, TOP\\_K 1.",
        "No program uses PREV, NEXT:",
        "tpch at 2023-12-15 14:30:00.",
        "4,321 calls to models, 12.50 USD, 0.0125 USD an accepted row.",
        "## Licence\n\nApache-2.0\n",
    ):
        assert line in body, line


SECTIONS = {
    "tiers": "By tier",
    "difficulty": "By difficulty",
    "databases": "By database",
    "counts": "What became of every input row",
    "leakage": "Leakage",
    "cost": "Cost",
    "licence": "Licence",
    "files": "Rows",
}


@pytest.mark.parametrize("key", sorted((FULL.keys() | {"files"}) - {"version"}))
@pytest.mark.parametrize("empty", [False, True], ids=["missing", "empty"])
def test_a_missing_key_leaves_its_section_out_and_nothing_else(tmp_path: Path, key: str, empty: bool) -> None:
    manifest = version(tmp_path)
    whole = headings(card(tmp_path, manifest)[1])
    nothing = {"licence": "", "created_at": "", "operators_unused": []}.get(key, {})
    rest = {**manifest, key: nothing} if empty else {name: value for name, value in manifest.items() if name != key}
    front, body = card(tmp_path, rest)
    assert headings(body) == [title for title in whole if title != SECTIONS.get(key)]
    assert ("license" in front) is (key != "licence")
    assert "Undefined" not in body and "None" not in body


def test_a_manifest_of_today_is_enough(tmp_path: Path) -> None:
    front, body = card(tmp_path, {"version": "x"})
    assert "configs" not in front and "license" not in front
    assert headings(body) == [
        "PyDough training set x",
        "How it was proven",
        "Fields",
        "Limits and biases",
        "How to use it",
    ]


def test_cost_that_is_not_known_is_not_told(tmp_path: Path) -> None:
    cost = {"usd": None, "calls": 5, "usd_per_accepted": None, "models": {}}
    assert "5 calls to models.\n" in card(tmp_path, {"version": "x", "cost": cost})[1]
    assert "Cost" not in headings(card(tmp_path, {"version": "x", "cost": {"usd": 0, "calls": 0}})[1])


def test_a_licence_of_ones_own_is_other_and_its_text_is_there(tmp_path: Path) -> None:
    front, body = card(tmp_path, {"version": "x", "licence": "For our own use only.\nAsk us: a@b.example"})
    assert (front["license"], front["license_name"]) == ("other", "see-card")
    assert body.endswith("## Licence\n\nFor our own use only.\nAsk us: a@b.example\n")


@given(st.text())
def test_no_name_breaks_a_table(name: str) -> None:
    cell = markdown_cell(name)
    assert "\n" not in cell and "\r" not in cell and "<" not in cell
    assert not re.search(r"(?<!\\)(\\\\)*[|`*_\[\]]", cell)


def test_a_hostile_name_is_only_text(tmp_path: Path) -> None:
    manifest = {"version": "x", "databases": {"a|b\n<img src=x onerror=alert(1)>": {"train": 1}}}
    _front, body = card(tmp_path, manifest)
    assert "| a\\|b &lt;img src=x onerror=alert(1)> | 1 |" in body
    assert "<img" not in body


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1_000, "1K<n<10K"),
        (99_999, "10K<n<100K"),
        (10**6, "1M<n<10M"),
        (10**7, "10M<n<100M"),
    ],
)
def test_sizes_by_their_names(rows: int, name: str) -> None:
    assert size_category(rows) == name


@pytest.mark.parametrize(("style", "documented"), list(itertools.product(["markdown", "json", "none"], [True, False])))
def test_the_template_gives_every_written_line_byte_for_byte(
    tmp_path: Path, style: SchemaStyle, documented: bool
) -> None:
    rows = [
        example("plain"),
        example("defined", question="How large is {AR}?", definitions="AR = {revenue}\n\nDocumentation:\nnone"),
        example("undocumented", documentation=""),
        example("braces", documentation="Use {schema} and {question}."),
    ]
    released(tmp_path, rows, [answer("sort")], schema=style, with_documentation=documented, validation_share=0)
    path = write_prompt_template(tmp_path, SYSTEM_INSTRUCTION, style, documented)
    template = json.loads(path.read_text(encoding="utf-8"))
    written = lines(tmp_path / "train.jsonl")
    assert len(written) == len(rows)
    for row, line in zip(rows, written, strict=True):
        assert line["systemInstruction"]["parts"] == [{"text": template["systemInstruction"]}]
        turn = render_user_turn(
            template, row.question, row.definitions, schema_text(ENTRIES["tpch"], style), row.documentation
        )
        assert turn.encode() == line["contents"][0]["parts"][0]["text"].encode()
    [line] = lines(tmp_path / "basicq_train.jsonl")
    about = template["userTurnAboutTheLanguage"].format(question=answer("sort").question)
    assert about == line["contents"][0]["parts"][0]["text"]


def test_the_template_tells_its_layout_and_what_to_put_where(tmp_path: Path) -> None:
    template = prompt_template("Write {x}.", "markdown", with_documentation=False, target="fenced")
    assert template["systemInstruction"] == "Write {x}."
    assert template["userTurn"] == "{question}\n\nDatabase Schema:\n{schema}"
    assert "userTurnWithoutDocumentation" not in template
    assert set(template["fields"]) == {"question", "definitions", "schema"}
    assert template["target"] == "fenced" and "one fenced code block" in template["answer"]
    full = prompt_template("x", "json", with_documentation=True)
    assert full["userTurn"] == "{question}\n\nDatabase Schema:\n{schema}\n\nDocumentation:\n{documentation}"
    assert set(full["fields"]) == {"question", "definitions", "schema", "documentation"}
    assert prompt_template("x", "none", with_documentation=False)["userTurn"] == "{question}"
