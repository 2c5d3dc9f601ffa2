import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.core.fingerprint import file_fingerprint, files_fingerprint, fingerprint
from utils.core.freshness import code_fingerprint, input_state, is_current, record_state, stale_reason

keys = st.text(max_size=5)
values = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=3)


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Path]:
    """(output, input): an output recorded as made from the input with the setting k=3."""
    output, source = tmp_path / "out.jsonl", tmp_path / "in.csv"
    source.write_text("a\n1\n")
    output.write_text("{}\n")
    record_state(output, input_state([source], {"k": 3}))
    return output, source


@given(st.dictionaries(keys, values))
def test_the_order_of_a_dict_does_not_matter(settings):
    assert fingerprint(settings) == fingerprint(dict(reversed(settings.items())))


@given(values, values)
def test_other_values_have_other_fingerprints(left, right):
    assert (fingerprint(left) == fingerprint(right)) == (json.dumps(left) == json.dumps(right))


def test_parts_are_kept_apart():
    assert len({fingerprint("ab", "c"), fingerprint("a", "bc"), fingerprint(["ab", "c"]), fingerprint("abc")}) == 4


def test_a_file_is_known_by_its_bytes_and_files_by_their_names_too(tmp_path):
    for folder, first in (("x", "1"), ("y", "1"), ("z", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a").write_text(first)
        (tmp_path / folder / "b").write_text("b")
    x, y, z = (sorted((tmp_path / folder).iterdir()) for folder in "xyz")
    assert file_fingerprint(x[0]) == file_fingerprint(y[0]) != file_fingerprint(z[0])
    assert files_fingerprint(x) == files_fingerprint(reversed(y)) != files_fingerprint(z)
    assert files_fingerprint(x) != files_fingerprint(x[:1])


def test_an_output_of_unchanged_inputs_is_current(made):
    output, source = made
    assert is_current(output, input_state([source], {"k": 3}))
    assert stale_reason(output) == ""


def test_rewriting_an_input_with_the_same_bytes_changes_nothing(made):
    output, source = made
    source.write_text(source.read_text())
    assert is_current(output, input_state([source, source], {"k": 3})) and not stale_reason(output)


@pytest.mark.parametrize("settings", [{"k": 4}, {}, {"k": 3, "j": None}, {"k": "3"}])
def test_other_settings_are_noticed(made, settings):
    output, source = made
    assert not is_current(output, input_state([source], settings))


def test_a_changed_input_is_named(made):
    output, source = made
    source.write_text("a\n2\n")
    assert not is_current(output, input_state([source], {"k": 3}))
    assert stale_reason(output) == "is older than in.csv"


def test_a_vanished_input_is_named(made):
    output, source = made
    source.unlink()
    assert stale_reason(output) == "is older than in.csv"


def test_one_more_input_is_noticed(made, tmp_path):
    output, source = made
    (tmp_path / "more.csv").write_text("a\n")
    assert not is_current(output, input_state([source, tmp_path / "more.csv"], {"k": 3}))


def test_a_missing_output_is_told_though_its_state_is_recorded(made):
    output, source = made
    output.unlink()
    assert stale_reason(output) == "is missing"
    assert not is_current(output, input_state([source], {"k": 3}))


@pytest.mark.parametrize("sidecar", [None, "", "{", "[]", "null"])
def test_an_output_whose_state_is_not_known_is_not_complete(made, sidecar):
    output, source = made
    state_file = output.with_name(".out.jsonl.inputs.json")
    assert state_file.is_file()
    if sidecar is None:
        state_file.unlink()
    else:
        state_file.write_text(sidecar)
    assert stale_reason(output) == "is not complete"
    assert not is_current(output, input_state([source], {"k": 3}))


def test_an_output_of_other_code_is_told(made):
    output, source = made
    record_state(output, input_state([source], {"k": 3}) | {"code": "of last week"})
    assert stale_reason(output) == "was made by another version of this project"
    assert not is_current(output, input_state([source], {"k": 3}))
    assert len(code_fingerprint()) == 64
