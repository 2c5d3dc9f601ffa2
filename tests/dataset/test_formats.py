"""The set in other trainers' forms: the same texts, counts and order, read back from the files."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import example as such_as
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dataset.support import answer, example, lines, released
from utils.core.console import UserError
from utils.core.jsonl import write_jsonl
from utils.dataset import formats
from utils.dataset.formats import FORMATS, Format, write_format
from utils.dataset.prompt_template import question_and_context, user_turn_text
from utils.dataset.sft import sft_record, user_turn

Texts = tuple[str, str, str]  # system, user, model
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
TURN = TEXT | st.builds(user_turn_text, TEXT, TEXT | st.just(""), TEXT | st.just(""))


def rows_for(records: list[dict[str, Any]], split: str) -> list[dict[str, Any]]:
    """What rows.jsonl says of records, with rows of other outcomes between them."""
    rows: list[dict[str, Any]] = []
    for number, _record in enumerate(records):
        rows.append({"question_id": f"no{number}", "outcome": "mismatch", "db_name": "tpch"})
        rows.append({"question_id": f"{split}{number}", "outcome": split, "db_name": "tpch", "tier": "gold"})
    return rows


def write_set(folder: Path, splits: dict[str, list[Texts]]) -> Path:
    rows: list[dict[str, Any]] = []
    for split, texts in splits.items():
        records = [sft_record(*row) for row in texts]
        write_jsonl(folder / f"{split}.jsonl", records)
        rows += rows_for(records, split)
    write_jsonl(folder / "rows.jsonl", rows)
    return folder


def read_back(path: Path) -> list[Texts]:
    """The texts of a converted file, by what each form means."""
    if path.suffix == ".parquet":
        return [
            tuple(message["content"] for message in row["messages"])
            for row in pyarrow.parquet.read_table(path).to_pylist()
        ]
    texts: list[Texts] = []
    with open(path, encoding="utf-8", newline="\n") as stream:
        for line in stream:
            row = json.loads(line)
            if "messages" in row:
                assert [message["role"] for message in row["messages"]] == ["system", "user", "assistant"]
                texts.append(tuple(message["content"] for message in row["messages"]))
            elif "conversations" in row:
                assert [turn["from"] for turn in row["conversations"]] == ["system", "human", "gpt"]
                texts.append(tuple(turn["value"] for turn in row["conversations"]))
            else:
                asked = f"{row['instruction']}\n\n{row['input']}" if row["input"] else row["instruction"]
                texts.append((row["system"], asked, row["output"]))
    return texts


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.tuples(TEXT, TURN, TEXT), max_size=8))
@such_as(
    texts=[
        ("s", "\n\nDatabase Schema:\n", "\x00\u2028\r\n"),
        ("s", "a\n\nDocumentation:\nb\n\nDatabase Schema:\nc", "m"),
    ]
)
def test_every_text_comes_back_in_its_place(name: Format, texts: list[Texts]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        [path] = write_format(write_set(Path(folder), {"train": texts}), name)
        assert read_back(path) == texts


@given(TEXT, TEXT | st.just(""), TEXT | st.just(""))
def test_a_user_turn_is_taken_apart_where_it_was_put_together(asked: str, schema: str, documentation: str) -> None:
    turn = user_turn_text(asked, schema, documentation)
    question, context = question_and_context(turn)
    assert (f"{question}\n\n{context}" if context else question) == turn
    assert asked.startswith(question)
    if "\n\nDatabase Schema:\n" not in asked and "\n\nDocumentation:\n" not in asked and (schema or documentation):
        assert question == asked or asked.endswith("\n")


def test_alpaca_has_the_question_apart_from_schema_and_documentation(tmp_path: Path) -> None:
    row = example("a", definitions="AR = revenue")
    turn = user_turn(row, "# Schema", with_documentation=True)
    [path] = write_format(write_set(tmp_path, {"train": [("Write.", turn, "result = 1")]}), "alpaca")
    assert lines(path) == [
        {
            "instruction": "What about a?\n\nDefinitions: AR = revenue",
            "input": "Database Schema:\n# Schema\n\nDocumentation:\nAbout a.",
            "output": "result = 1",
            "system": "Write.",
        }
    ]


def test_every_split_that_is_there_has_its_file(tmp_path: Path) -> None:
    splits = {
        "train": [("s", f"q{n}", f"m{n}") for n in range(5)],
        "test": [("s", "t", "m")],
        "basicq_train": [("s", "b", "m")],
        "validation": [],
    }
    write_set(tmp_path, splits)
    for name in FORMATS:
        files = write_format(tmp_path, name)
        if name == "parquet":
            found = {path.name.removesuffix("-00000-of-00001.parquet"): read_back(path) for path in files}
        else:
            found = {path.stem: read_back(path) for path in files}
        assert found == splits
        assert {path.parent for path in files} == {tmp_path / name}
        assert set(files) == set((tmp_path / name).iterdir())  # nothing else is left there


def test_parquet_tells_what_rows_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "PARQUET_BATCH", 3)  # several batches
    programs = [f"result = nations.WHERE(name == {n!r})" for n in range(10)]
    examples = [example(f"q{n}", program=program) for n, program in enumerate(programs)]
    examples.insert(4, example("wrong", status="mismatch"))
    released(tmp_path, examples, [answer("x")], validation_share=0)
    rows = lines(tmp_path / "rows.jsonl")
    for number, row in enumerate(rows):
        row |= {
            "difficulty": "easy" if number % 2 else "hard",
            "template": f"{number:012}",
            "operators": ["WHERE"] * number,
        }
    write_jsonl(tmp_path / "rows.jsonl", rows)
    files = write_format(tmp_path, "parquet")
    train, validation = (pyarrow.parquet.read_table(path) for path in files if "basicq" not in path.name)
    assert validation.num_rows == 0 and validation.schema == train.schema
    found = train.to_pylist()
    kept = [row for row in rows if row["outcome"] == "train"]
    names = ("question_id", "db_name", "tier", "difficulty", "template", "operators")
    assert [[row[name] for name in names] for row in found] == [[row[name] for name in names] for row in kept]
    assert [row["messages"][2]["content"] for row in found] == programs
    assert [message["role"] for message in found[0]["messages"]] == ["system", "user", "assistant"]
    assert str(train.schema.field("messages").type) == "list<element: struct<role: string, content: string>>"


def test_older_rows_without_the_new_keys_are_read(tmp_path: Path) -> None:
    released(tmp_path, [example("a")], validation_share=0)
    rows = lines(tmp_path / "rows.jsonl")
    for row in rows:
        del row["difficulty"], row["operators"]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    [row] = pyarrow.parquet.read_table(write_format(tmp_path, "parquet")[0]).to_pylist()
    assert (row["question_id"], row["difficulty"], row["operators"]) == ("a", None, [])


@pytest.mark.parametrize("change", ["a row more", "a row less"])
def test_rows_that_do_not_belong_to_the_lines_are_told_and_nothing_is_left(tmp_path: Path, change: str) -> None:
    write_set(tmp_path, {"train": [("s", "q", "m")] * 3})
    rows = lines(tmp_path / "rows.jsonl")
    write_jsonl(tmp_path / "rows.jsonl", [*rows, rows[-1]] if change == "a row more" else rows[:-1])
    with pytest.raises(UserError, match=r"has not the lines that rows\.jsonl tells of"):
        write_format(tmp_path, "parquet")
    assert list((tmp_path / "parquet").iterdir()) == []


def test_several_turns_and_no_instruction(tmp_path: Path) -> None:
    turns = [{"role": role, "parts": [{"text": role[0]}]} for role in ("user", "model", "user", "model")]
    write_jsonl(tmp_path / "train.jsonl", [{"contents": turns[:2]}, {"contents": turns}])
    [openai] = write_format(tmp_path, "openai")
    assert [[message["role"] for message in row["messages"]] for row in lines(openai)] == [
        ["user", "assistant"],
        ["user", "assistant"] * 2,
    ]
    with pytest.raises(UserError, match=r"train\.jsonl:2: has 4 turns; expected two"):
        write_format(tmp_path, "alpaca")
    assert not (tmp_path / "alpaca" / "train.jsonl").exists()


def test_an_unknown_form_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown format 'xml'; expected openai, sharegpt, alpaca, parquet"):
        write_format(tmp_path, "xml")  # type: ignore[arg-type]
