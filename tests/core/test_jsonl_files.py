import json
import stat
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from utils.core.console import UserError
from utils.core.jsonl import read_json_lines, read_records, read_records_or_errors, to_line, whole_file, write_jsonl
from utils.core.records import Question, Verdict

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


class Row(BaseModel):
    number: int
    kind: Literal["a", "b"] = "a"


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@given(
    st.lists(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), json_values, max_size=4), max_size=5)
)
def test_what_is_written_is_read_again(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("jsonl") / "rows.jsonl"
    assert write_jsonl(path, rows) == len(rows)
    assert [row for _line, row in read_json_lines(path)] == rows
    assert [line for line, _row in read_json_lines(path)] == list(range(1, len(rows) + 1))


@given(st.text(st.characters(codec="utf-8")))
def test_a_record_is_one_line_whatever_its_text(text):
    line = to_line(Question(question_id="q", db_name="", question=text))
    assert line.count("\n") == 1 and line.endswith("\n")
    assert Question.model_validate_json(line).question == text


def test_text_stays_readable():
    assert to_line({"a": "é ß 語"}) == '{"a": "é ß 語"}\n'


def test_a_file_appears_whole_with_its_folders(tmp_path):
    path = tmp_path / "new" / "folder" / "rows.jsonl"
    with whole_file(path) as stream:
        stream.write("one\n")
        stream.flush()
        assert not path.exists()
    assert path.read_bytes() == b"one\n"
    assert names(path.parent) == ["rows.jsonl"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_inside_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "rows.jsonl"
    write_jsonl(path, [{"old": True}])

    def rows():
        yield {"new": 1}
        raise error("stopped half-way")

    with pytest.raises(error):
        write_jsonl(path, rows())
    assert path.read_text() == '{"old": true}\n'
    assert names(tmp_path) == ["rows.jsonl"]


def test_an_error_inside_makes_no_new_file(tmp_path):
    with pytest.raises(TypeError):
        write_jsonl(tmp_path / "rows.jsonl", [{"a": 1}, {"a": object()}])
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_an_os_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError) as caught:
        write_jsonl(tmp_path / "file" / "rows.jsonl", [])
    assert caught.value.filename is not None


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "rows.jsonl"
    write_jsonl(path, [{"version": 1}])
    with open(path, encoding="utf-8") as reader:
        write_jsonl(path, [{"version": 2}])
        assert json.loads(reader.read()) == {"version": 1}
    assert json.loads(path.read_text()) == {"version": 2}


def test_records_are_read_as_their_model(tmp_path):
    path = tmp_path / "v.jsonl"
    verdicts = [Verdict(status="match", ms=1.5, instances_passed=1), Verdict(status="timeout", detail="é")]
    write_jsonl(path, verdicts)
    assert list(read_records(path, Verdict)) == verdicts


@pytest.mark.parametrize(
    ("line", "field"), [('{"number": "x"}', "number"), ("{}", "number"), ('{"number": 1, "kind": "c"}', "kind")]
)
def test_a_record_at_fault_is_told_with_line_and_field(tmp_path, line, field):
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"number": 1}}\n\n{line}\n')
    with pytest.raises(UserError) as caught:
        list(read_records(path, Row))
    assert str(caught.value).startswith(f"{path}:3: field '{field}': ") and "\n" not in str(caught.value)


def test_a_stale_record_with_unknown_fields_is_noticed(tmp_path):
    path = tmp_path / "v.jsonl"
    path.write_text('{"status": "match", "score": 3}\n')
    with pytest.raises(UserError, match="field 'score'"):
        list(read_records(path, Verdict))


def test_bad_lines_can_be_had_in_their_places(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"number": 1}\n{"number": \n\n{"number": 3}\n{"number": "x"}\n')
    found = list(read_records_or_errors(path, Row))
    assert [number for number, _row in found] == [1, 2, 4, 5]
    assert [row for _number, row in found if isinstance(row, Row)] == [Row(number=1), Row(number=3)]
    assert "rows.jsonl:2: not JSON" in str(found[1][1]) and "field 'number'" in str(found[3][1])


@pytest.mark.parametrize("line", ['{"a": "\\ud800"}', "[" * 100_000, "1" * 5_000])
def test_what_only_looks_like_json_is_told(tmp_path, line):
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"a": "\\ud83d\\ude00"}}\n{line}\n')
    lines = read_json_lines(path)
    assert next(lines) == (1, {"a": "\U0001f600"})
    with pytest.raises(UserError) as caught:
        next(lines)
    assert str(caught.value).startswith(f"{path}:2: ")


def test_temporary_files_stand_beside_their_target(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))  # a rename works only within one file system
    with whole_file(tmp_path / "rows.jsonl"):
        assert names(elsewhere) == []
        assert len(list(tmp_path.glob(".rows.jsonl.*"))) == 1
