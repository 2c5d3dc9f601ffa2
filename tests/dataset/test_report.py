from __future__ import annotations

import base64
import hashlib
import json
import tracemalloc
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.report_page import write_rows
from tests.dataset.report_versions import (
    FULL,
    HOSTILE,
    hostile_rows,
    language,
    left_out,
    row,
    rows_of_each_kind,
    write_version,
)
from utils.core.console import UserError
from utils.dataset.report import write_report
from utils.dataset.report.embedding import MAX_ROWS, MAX_TEXT, EmbeddedRows, SharedTexts, cut, script_json
from utils.dataset.report.figures import bars, funnel, leakage, lengths, quantile, reasons, scalars, written_by_side
from utils.dataset.report.outcomes import MEANINGS, SIDES, is_language, step_of
from utils.dataset.report.sampling import picks
from utils.dataset.report.summary import summary_of

OLD = [
    {"question_id": "a", "db_name": "tpch", "outcome": "train", "detail": "", "tier": "gold", "origin": "", "source": "q:1"},
    {"question_id": "b", "db_name": "tpch", "outcome": "duplicate", "detail": "same program as a", "source": "q:2"},
    {"question_id": "c", "db_name": "", "outcome": "basicq", "detail": "", "tier": "doc", "origin": "", "source": "basicq:1"},
]  # fmt: skip


class _Page(HTMLParser):
    """A page as a browser reads it: elements, attributes, the text outside of scripts, and what scripts hold."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.contents: dict[str, str] = {}
        self.headings: list[str] = []
        self._inside = ""
        self._heading = False
        self.feed((folder / "report.html").read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._inside = dict(attrs).get("id", tag) if tag in ("script", "style") else ""
        self._heading = tag == "h2"
        self.text += " "

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""
        self._heading = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.contents[self._inside] = self.contents.get(self._inside, "") + data
        else:
            self.text += data
        if self._heading:
            self.headings.append(data)

    def embedded(self, name: str) -> Any:
        return json.loads(self.contents[name])


def _reported(folder: Path, rows: list[dict[str, Any]], manifest: dict[str, Any] | None = None, **texts: str) -> _Page:
    write_version(folder, rows, **texts)
    write_report(folder, FULL if manifest is None else manifest)
    return _Page(folder)


def test_every_row_is_in_the_page_with_the_texts_of_its_line(tmp_path: Path) -> None:
    rows = rows_of_each_kind()
    rows.insert(1, row("q0", program="result = second"))
    page = _reported(tmp_path, rows, schema="THE SCHEMA", documentation="THE DOCS")
    embedded, texts = page.embedded("data"), page.embedded("texts")
    assert [told.get("id", "") for told in embedded] == [told["question_id"] for told in rows]
    assert [told["number"] for told in embedded] == list(range(1, len(rows) + 1))
    assert texts == {"schemas": ["THE SCHEMA"], "documentation": ["THE DOCS"]}
    second = embedded[1]
    assert (second["line"], second["target"], second["schema"], second["docs"]) == (2, "result = second", 0, 0)
    assert second["verdict"] == {"status": "match", "instances_passed": 11, "instances_tried": 11}
    assert second["answer"] == {"columns": ["name", "total"], "rows": [["Ann", 12.5], ["Bob", None]], "more": 3}
    lost = embedded[5]
    assert (lost["outcome"], lost["detail"], lost["question"]) == ("mismatch", "3 rows, gold gives 4", "What about q5?")
    assert "line" not in lost
    assert page.embedded("facts")["rows"] == len(rows)


def test_the_target_is_shown_as_it_was_written(tmp_path: Path) -> None:
    told = row("q1")
    write_version(tmp_path, [told])
    line = json.loads((tmp_path / "train.jsonl").read_text())
    line["contents"][-1]["parts"][0]["text"] = target = "First count.\n\n```python\nresult = 1\n```"
    (tmp_path / "train.jsonl").write_text(json.dumps(line) + "\n")
    write_report(tmp_path, FULL)
    assert _Page(tmp_path).embedded("data")[0]["target"] == target


def test_a_version_of_the_older_format_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    lines = [told | {"question": "Old?", "program": "result = old"} for told in OLD]
    write_version(tmp_path, lines)
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(told) + "\n" for told in OLD))
    write_report(tmp_path, {"version": "old", "counts": {"4": {"rows": 3}}, "versions": {}})
    page = _Page(tmp_path)
    first, second, third = page.embedded("data")
    assert (first["question"], first["target"], first["schema"]) == ("Old?", "result = old", 0)
    assert "question" not in second
    assert (third["question"], third["line"]) == ("Old?", 1)
    assert page.headings == ["Overview", "Composition", "Why rows were left out", "Rows", "Provenance"]


def test_sections_without_data_are_left_out(tmp_path: Path) -> None:
    page = _reported(tmp_path, [row("q1", db_name="", tier=None, difficulty="", tokens=0)], manifest={})
    assert page.headings == ["Overview", "Rows", "Provenance"]
    assert "None" not in page.text and "Undefined" not in page.text


def test_all_sections_stand_in_a_full_version(tmp_path: Path) -> None:
    page = _reported(tmp_path, rows_of_each_kind())
    sections = (
        "Overview, Composition, Operators and methods, Lengths, Leakage between files, Cost, Why rows were left out"
    )
    assert page.headings == [*sections.split(", "), "Rows", "Provenance"]
    text = " ".join(page.text.split())
    for told in ("$0.0123", "1,234", "✗ 3 : must be 0", "✓ 0 : as it must be", "QUANTILE", "RANKING (rare)", "lines.schema markdown",
                 "with_documentation no", "holdout a, b", "seeds.split 7", "ab" * 32, "9f" * 32, "configs.start_of_week MONDAY", "CC-BY-4.0"):  # fmt: skip
        assert told in text, told
    assert "CALCULATE (rare)" not in text
    for reason in ("duplicate", "mismatch", "template_cap", "invalid", "rejected"):
        assert MEANINGS[reason] in text


def test_an_empty_version_has_a_page(tmp_path: Path) -> None:
    page = _reported(tmp_path, [], manifest={})
    assert page.embedded("data") == []
    assert "Input rows 0" in " ".join(page.text.split())


def test_the_policy_allows_the_pages_own_script_and_style_and_nothing_else(tmp_path: Path) -> None:
    page = _reported(tmp_path, rows_of_each_kind())
    policy = next(value for tag, name, value in page.attributes if tag == "meta" and "default-src" in value)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    own = {
        kind: base64.b64encode(hashlib.sha256(page.contents[kind].encode()).digest()).decode()
        for kind in ("script", "style")
    }
    assert rules == {
        "default-src": "'none'",
        "script-src": f"'sha256-{own['script']}'",
        "style-src": f"'sha256-{own['style']}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
    }
    assert (page.tags["style"], page.tags["script"]) == (1, 4)


def test_hostile_texts_make_no_element_and_no_attribute(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    calm = _reported(plain, [row(f"q{n}") if n % 2 else left_out(f"q{n}", "duplicate") for n in range(10)])
    names = dict.fromkeys((HOSTILE, f"{HOSTILE}2"), 1)
    told = {"counts": {HOSTILE: names}, "operators": names, "operators_unused": [HOSTILE], "settings": names, "sessions": {HOSTILE: names},
            "versions": names, "inputs": names, "licence": HOSTILE, "version": HOSTILE}  # fmt: skip
    page = _reported(tmp_path / "hostile", hostile_rows(), manifest=FULL | told)
    assert page.tags["script"] == calm.tags["script"] == 4
    assert not page.tags.keys() & {"img", "iframe", "object", "embed", "base"}
    for tag, name, value in page.attributes:
        assert not name.startswith("on") and name not in ("src", "style", "action"), (tag, name)
        assert name != "href" or value.startswith(("#", "data:image/svg+xml,"))
    assert page.text.count(HOSTILE) >= 8
    data = page.embedded("data")
    assert data[0]["question"] == HOSTILE
    assert data[0]["answer"]["rows"] == [[HOSTILE], ["nan"], [str(2**60)]]


def test_a_file_with_fewer_lines_than_rows_say_is_noticed_and_leaves_no_page(tmp_path: Path) -> None:
    write_version(tmp_path, [row("q1"), row("q2")])
    first = (tmp_path / "train.jsonl").read_text().splitlines(keepends=True)[0]
    (tmp_path / "train.jsonl").write_text(first)
    with pytest.raises(UserError, match=r"train\.jsonl:2: expected a line.*--force"):
        write_report(tmp_path, FULL)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.slow
def test_a_large_version_shows_a_sample_says_so_and_takes_little_memory(tmp_path: Path) -> None:
    rows = MAX_ROWS + 5_000
    manifest = write_rows(tmp_path, rows)
    tracemalloc.start()
    write_report(tmp_path, manifest)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8e6 < (tmp_path / "report.html").stat().st_size
    page = _Page(tmp_path)
    assert len(page.embedded("data")) == MAX_ROWS
    assert len(page.embedded("texts")["schemas"]) == 5
    assert "20,000 of 25,000 rows are in this page" in page.text
    assert page.embedded("facts")["rows"] == rows


def test_a_sampled_row_still_has_the_texts_of_its_own_line(tmp_path: Path) -> None:
    rows = [row(f"q{n}") if n % 3 else left_out(f"q{n}", "mismatch") for n in range(60)]
    write_version(tmp_path, rows)
    embedded = EmbeddedRows(tmp_path, summary_of(rows), limit=12)
    told = json.loads("".join(embedded.pieces()))
    assert len(told) == embedded.count == 12
    assert [one["id"] for one in told] == sorted((one["id"] for one in told), key=lambda name: int(name[1:]))
    assert all(one["target"] == f"result = customers.WHERE(name == '{one['id']}')" for one in told)
    assert Counter(one["outcome"] for one in told) == {"train": 6, "mismatch": 6}


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 200))
def test_picks_fill_the_limit_evenly_with_what_was_left_out_first(written: int, left: int, limit: int) -> None:
    of_written, of_left = picks(written, left, limit)
    taken = [[place for place in range(total) if one.next()] for one, total in ((of_written, written), (of_left, left))]
    assert len(taken[0]) + len(taken[1]) == min(limit, written + left)
    assert len(taken[1]) >= min(left, limit // 2)
    assert len(taken[1]) <= max(limit // 2, limit - written)
    for places, total in zip(taken, (written, left), strict=True):
        for passed in range(1, total + 1):
            assert abs(sum(place < passed for place in places) - passed * len(places) / total) < 1


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(), st.lists))
def test_json_in_a_script_is_read_back_and_cannot_end_it(value: Any) -> None:
    written = script_json(value)
    assert json.loads(written) == value
    assert written.isascii() and "<" not in written


def test_numbers_that_javascript_cannot_read_are_written_out() -> None:
    assert json.loads(script_json([float("nan"), float("-inf"), 2**53, -(2**70), 1.5])) == [
        "nan",
        "-inf",
        str(2**53),
        str(-(2**70)),
        1.5,
    ]


def test_texts_are_stored_once_and_only_while_there_is_room() -> None:
    shared = SharedTexts(room=10)
    assert [shared.place(text) for text in ("12345", "6789", "12345", "too long", "6789")] == [0, 1, 0, None, 1]
    assert shared.texts == ["12345", "6789"]


def test_a_row_without_room_for_its_schema_says_so(tmp_path: Path) -> None:
    rows = [row("q1")]
    write_version(tmp_path, rows)
    embedded = EmbeddedRows(tmp_path, summary_of(rows), schemas=SharedTexts(room=3))
    told = json.loads("".join(embedded.pieces()))[0]
    assert told["unstored"] == ["schema"] and "schema" not in told


def test_a_text_too_long_for_the_page_says_what_is_missing() -> None:
    assert cut("a" * MAX_TEXT) == "a" * MAX_TEXT
    assert cut("a" * (MAX_TEXT + 1_234)) == "a" * MAX_TEXT + "\n… 1,234 characters more"


OUTCOMES = st.sampled_from([*SIDES, *MEANINGS, "something_new"])


@given(st.lists(st.tuples(OUTCOMES, st.booleans(), st.sampled_from(["match", "mismatch", None]))))
def test_the_funnels_account_for_every_row(drawn: list[tuple[str, bool, str | None]]) -> None:
    rows = [
        {
            "outcome": outcome,
            "db_name": "" if answer else "tpch",
            "source": "basicq.csv:1",
            "verdict": status and {"status": status},
        }
        for outcome, answer, status in drawn
    ]
    summary = summary_of(rows)
    steps = [funnel(summary, about) for about in (False, True)]
    assert sum(one[0].rows for one in steps if one) == len(rows)
    assert (
        sum(one[-1].rows for one in steps if one)
        == summary.written
        == sum(rows for _side, rows in written_by_side(summary))
    )
    for one in steps:
        for before, after in pairwise(one):
            assert before.rows - after.rows == after.rows_lost == sum(reason.rows for reason in after.lost)
    assert sum(reason.rows for reason in reasons(summary)) == summary.left_out


def test_the_funnel_of_an_example() -> None:
    databases = funnel(summary_of(rows_of_each_kind()), language=False)
    assert [(step.title, step.rows, [reason.outcome for reason in step.lost]) for step in databases] == [
        ("Input", 7, []),
        ("Proven", 5, ["invalid", "mismatch"]),
        ("Kept", 4, ["duplicate"]),
        ("Written", 3, ["template_cap"]),
    ]
    answers = funnel(summary_of(rows_of_each_kind()), language=True)
    assert [(step.title, step.rows) for step in answers] == [("Input", 2), ("Answered", 1), ("Kept", 1), ("Written", 1)]


def test_an_outcome_that_is_new_is_lost_in_proof_unless_it_was_proven() -> None:
    assert step_of({"outcome": "new"}) == "proof"
    assert step_of({"outcome": "new", "verdict": {"status": "match"}}) == "write"
    assert step_of({"outcome": "leak", "verdict": None}) == "keep"


def test_answers_about_the_language_are_told_from_questions_about_databases() -> None:
    assert is_language(language("b")) and is_language({"outcome": "basicq"})
    assert is_language({"outcome": "error", "db_name": "", "source": "basic_questions.csv:1"})
    assert not is_language(row("q")) and not is_language(
        {"outcome": "invalid", "db_name": "", "source": "generated.jsonl:3"}
    )


def test_bars_stand_in_the_order_of_levels_or_of_size() -> None:
    summary = summary_of([row("a", difficulty="hard"), row("b", difficulty="hard"), row("c", difficulty="easy", outcome="test"),
                          left_out("d", "timeout", db_name="zoo"), language("e")])  # fmt: skip
    assert bars(summary.difficulties, None).lines == [("easy", [0, 1, 1]), ("hard", [2, 0, 0])]
    databases = bars(summary.databases, None)
    assert databases.columns == ["train", "test", "left out"]
    assert databases.lines == [("broker", [2, 1, 0]), ("zoo", [0, 0, 1])]
    assert databases.longest == 3
    assert bars(summary.tiers, None).columns == ["train", "test", "language"]


def test_bars_are_taken_from_the_manifest_where_rows_do_not_tell() -> None:
    told = bars({}, {"tpch": {"train": 3, "validation": 0}, "broker": {"train": 5, "validation": 1}})
    assert (told.columns, told.lines) == (["train", "validation"], [("broker", [5, 1]), ("tpch", [3, 0])])


@given(st.lists(st.tuples(st.integers(1, 300_000), st.sampled_from(SIDES)), min_size=1))
def test_every_length_is_in_one_bar(drawn: list[tuple[int, str]]) -> None:
    told = lengths(summary_of({"outcome": side, "tokens": tokens} for tokens, side in drawn))
    assert told is not None
    for place, side in enumerate(told.sides):
        mine = sorted(tokens for tokens, its in drawn if its == side)
        below = 0
        for most, counts in told.bars:
            reached = sum(tokens <= most for tokens in mine) if most else len(mine)
            assert counts[place] == reached - below
            below = reached
        assert told.figures[place] == (
            side,
            [len(mine), quantile(Counter(mine), 0.5), quantile(Counter(mine), 0.95), mine[-1]],
        )
    assert told.longest == max(tokens for tokens, _side in drawn)


def test_geminis_limit_is_the_last_bar_and_what_is_longer_has_its_own() -> None:
    at_limit = lengths(summary_of([row("a", tokens=131_072)]))
    over = lengths(summary_of([row("a", tokens=131_073)]))
    assert at_limit is not None and at_limit.bars[-1] == (131_072, [1])
    assert over is not None and over.bars[-2:] == [(131_072, [0]), (None, [1])]
    assert lengths(summary_of([row("a", tokens=0)])) is None


def test_quantiles() -> None:
    counts = Counter({10: 5, 20: 4, 30: 1})
    assert [quantile(counts, share) for share in (0.5, 0.51, 0.9, 0.95)] == [10, 20, 20, 30]


def test_the_leakage_matrix_knows_what_was_not_counted() -> None:
    (between, cells), *_more = leakage(
        {"pairs": [{"between": ["train", "test"], "question": 2}], "forbidden": ["question"]}
    )
    assert between == "train and test"
    assert [(cell.rows, cell.forbidden) for cell in cells] == [
        (2, True),
        (None, False),
        (None, False),
        (None, False),
        (None, False),
    ]
    assert leakage(None) == []


def test_settings_become_a_flat_list() -> None:
    assert scalars({"a": {"b": 1, "c": [1, "x"]}, "d": None, "e": {}}) == [("a.b", 1), ("a.c", "1, x"), ("d", None)]
