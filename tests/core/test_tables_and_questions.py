import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.core.console import UserError
from utils.core.questions import LANGUAGE_COLUMNS, QuestionFiles, question_files, read_questions
from utils.core.tables import read_table

HEADER = "question_id,db_name,question\n"
field = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=20)


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def told(path: Path, required: tuple[str, ...] = ("a", "b")) -> str:
    """The message of the UserError that reading the table ends in."""
    with pytest.raises(UserError) as caught:
        list(read_table(path, required))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def quoted(row: list[str]) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n"


@given(st.lists(st.tuples(field, field), max_size=6))
def test_csv_rows_come_back_with_the_line_on_which_they_begin(tmp_path_factory, rows):
    path = written(tmp_path_factory.mktemp("t") / "t.csv", "a,b\n" + "".join(quoted(list(row)) for row in rows))
    line, expected = 2, []
    for first, second in rows:
        expected.append((line, {"a": first, "b": second}))
        line += 1 + (first + second).count("\n")
    assert list(read_table(path, ("a", "b"))) == expected


def test_multi_line_fields_count_their_lines(tmp_path):
    path = written(tmp_path / "t.csv", 'a,b\n1,"x\ny\nz"\n2,w\n')
    assert [line for line, _row in read_table(path, ("a",))] == [2, 5]


def test_a_missing_column_is_told_with_what_was_found(tmp_path):
    message = told(written(tmp_path / "t.csv", "a,c\n1,2\n"))
    assert message == f"{tmp_path}/t.csv:1: missing column 'b'; expected a, b, found a, c"


def test_an_empty_file_has_no_columns(tmp_path):
    assert "found nothing" in told(written(tmp_path / "t.csv", ""))


@pytest.mark.parametrize(
    ("body", "line", "found"),
    [("1,2\n3,4,5\n", 3, 3), ("1,2\n3\n", 3, 1), ('1,"x\ny"\n3,4,5,6\n', 4, 4), ("1,2,\n", 2, 3)],
)
def test_too_many_or_too_few_fields_are_told_with_their_line(tmp_path, body, line, found):
    message = told(written(tmp_path / "t.csv", "a,b\n" + body))
    assert message.startswith(f"{tmp_path}/t.csv:{line}: expected 2 fields, found {found};")


@pytest.mark.parametrize(
    ("body", "line"), [('1,2\n3,"x\n4,5\n', 3), ('1,"x"y\n', 2), ('1,"a\nb"\n3,"x"y\n', 4), ('"never closed\n', 2)]
)
def test_broken_quoting_is_told_with_the_line_on_which_the_row_begins(tmp_path, body, line):
    message = told(written(tmp_path / "t.csv", "a,b\n" + body))
    assert message.startswith(f"{tmp_path}/t.csv:{line}: broken CSV")


def test_rows_before_a_broken_one_are_streamed(tmp_path):
    rows = read_table(written(tmp_path / "t.csv", "a,b\n1,2\n3\n"), ("a", "b"))
    assert next(rows) == (2, {"a": "1", "b": "2"})
    with pytest.raises(UserError):
        next(rows)


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    path = written(tmp_path / "t.csv", b"\xef\xbb\xbfa,b\n1,2\n")
    assert list(read_table(path, ("a", "b"))) == [(2, {"a": "1", "b": "2"})]


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_bytes_that_are_not_utf_8_are_told(tmp_path, name):
    start = b"a,b\n" if name == "t.csv" else b'{"a": "'
    assert "not UTF-8" in told(written(tmp_path / name, start + b"caf\xe9,2\n"))


def test_a_field_longer_than_the_csv_modules_own_limit_is_read(tmp_path):
    path = written(tmp_path / "t.csv", f"a,b\n1,{'x' * 200_000}\n")
    assert [len(row["b"]) for _line, row in read_table(path, ("a", "b"))] == [200_000]


def test_missing_files_and_other_formats_are_told(tmp_path):
    assert "no such file" in told(tmp_path / "t.csv")
    assert "expected a .csv, .jsonl or .parquet file" in told(written(tmp_path / "t.xlsx", "a,b\n"))


def test_jsonl_rows_keep_their_lines_and_types(tmp_path):
    path = written(tmp_path / "t.jsonl", '{"a": 1, "b": null}\n\n{"b": [2], "a": "é"}\n')
    assert list(read_table(path, ("a", "b"))) == [(1, {"a": 1, "b": None}), (3, {"b": [2], "a": "é"})]


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ('{"a": 1, "b": 2}\n{"a": 1}\n', 2, "missing column 'b'"),
        ('{"a": 1, "b": 2}\n\n{"a": 1,\n', 3, "not JSON"),
        ('{"a": 1, "b": 2}\n[1, 2]\n', 2, "expected a JSON object, found list"),
    ],
)
def test_bad_jsonl_lines_are_told_with_their_number(tmp_path, content, line, what):
    message = told(written(tmp_path / "t.jsonl", content))
    assert message.startswith(f"{tmp_path}/t.jsonl:{line}: ") and what in message


def test_a_question_has_all_its_columns(tmp_path):
    path = written(
        tmp_path / "q.csv",
        "question_id,db_name,question,definitions,gold_sql,pydough,tags,is_benchmark\n"
        "q1, broker ,How many?,AR = x,SELECT 1,result = c,a;;b,TRUE\n"
        "q2,broker,Who?,,,,,no\n",
    )
    first, second = (row.question for row in read_questions([path]))
    assert (first.db_name, first.tags, first.is_benchmark) == ("broker", ["a", "b"], True)
    assert (first.gold_sql, first.pydough, first.source) == ("SELECT 1", "result = c", "q.csv:2")
    assert first.asked == "How many?\n\nDefinitions: AR = x"
    assert (second.gold_sql, second.pydough, second.tags, second.is_benchmark) == (None, None, [], False)
    assert second.asked == "Who?"


@pytest.mark.parametrize(
    ("text", "meant"), [("true", True), ("Yes", True), ("1", True), ("false", False), ("0", False), ("", False)]
)
def test_is_benchmark_is_read_from_text_and_from_json(tmp_path, text, meant):
    csv_file = written(tmp_path / "q.csv", f"question_id,question,is_benchmark\nq,x,{text}\n")
    json_row = {"question_id": "q", "question": "x", "is_benchmark": meant, "tags": ["a;b", "c"]}
    json_file = written(tmp_path / "q.jsonl", json.dumps(json_row) + "\n")
    assert [row.question.is_benchmark for row in read_questions([csv_file], LANGUAGE_COLUMNS)] == [meant]
    (from_json,) = read_questions([json_file], LANGUAGE_COLUMNS)
    assert (from_json.question.is_benchmark, from_json.question.tags) == (meant, ["a;b", "c"])


def test_a_duplicate_is_told_with_the_first_place_and_costs_only_itself(tmp_path):
    one = written(tmp_path / "one.csv", HEADER + 'q1,broker,"two\nlines"\nq2,broker,b\n')
    two = written(tmp_path / "two.csv", HEADER + "q3,broker,c\nq1,broker,d\nq1,broker,e\n")
    rows = list(read_questions([one, two]))
    assert [bool(row.problem) for row in rows] == [False, False, False, True, True]
    assert rows[3].problem == f"{two}:3: duplicate question_id 'q1' (first in one.csv:2); ids must be unique"
    assert "first in one.csv:2" in rows[4].problem
    assert [row.question.source for row in rows][1:3] == ["one.csv:4", "two.csv:2"]


@pytest.mark.parametrize(
    ("row", "column"), [(",broker,x", "question_id"), ("q,  ,x", "db_name"), ("q,broker,", "question")]
)
def test_an_empty_column_is_told_and_the_next_row_is_read(tmp_path, row, column):
    path = written(tmp_path / "q.csv", f"{HEADER}{row}\nq2,broker,fine\n")
    bad, good = read_questions([path])
    assert bad.problem == f"{path}:2: column '{column}' is empty; every row needs one"
    assert good.problem == ""


def test_null_in_json_is_an_empty_column(tmp_path):
    path = written(tmp_path / "q.jsonl", '{"question_id": 7, "db_name": null, "question": "x"}\n')
    (row,) = read_questions([path])
    assert row.question.question_id == "7" and "'db_name' is empty" in row.problem


def test_question_files_are_those_named_else_the_folders(tmp_path):
    given_file = tmp_path / "mine.csv"
    assert question_files([given_file], tmp_path) == [given_file]
    with pytest.raises(UserError, match="no question files"):
        question_files(None, tmp_path)
    for name in ("b.csv", "a.csv", "language.csv", "c.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in question_files(None, tmp_path, exclude="language.csv")] == ["a.csv", "b.csv"]


def test_question_files_know_their_rows_and_can_be_streamed_again(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_text("question_id,db_name,question\na,TPCH,one?\nb,broker,two?\nb,broker,again?\n", encoding="utf-8")
    files = QuestionFiles([path])
    assert (len(files), files.databases) == (3, {"tpch", "broker"})
    assert [row.question.question_id for row in files] == [row.question.question_id for row in files] == ["a", "b", "b"]
    assert [bool(row.problem) for row in files] == [False, False, True]
