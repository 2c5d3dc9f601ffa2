"""Choosing passages for terms, their order, and the prompt that is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriver.code_blocks import read_markdown
from retriver.documentation import (
    create_rag_prompt,
    extractive_documentation,
    in_order_of_terms,
    passages_for_terms,
    quoted_passage,
)
from retriver.embedded import EmbeddedIndex, open_index
from utils.core.records import Passage

PASSAGES = [
    Passage(passage_id="1", path="windows.md > RANKING", text="`RANKING(by=...)` gives the position."),
    Passage(passage_id="2", path="methods.md > TOP_K", text="Keeps the first few: `orders.TOP_K(3, by=total.DESC())`"),
]


@pytest.fixture
def index(manual: Path, tmp_path: Path) -> EmbeddedIndex:
    return open_index(manual, tmp_path / "cache")


def headings(passages: list[Passage]) -> list[str]:
    return [passage.path.split(" > ")[-1] for passage in passages]


def test_every_term_gets_the_passage_that_explains_it(index: EmbeddedIndex) -> None:
    # TOP_K's section also mentions RANKING, which must not stand in for RANKING's own
    chosen = headings(passages_for_terms(index, ["TOP_K", "RANKING", "ORDER_BY"], limit=5))
    assert sorted(chosen) == ["ORDER_BY", "RANKING", "TOP_K"]
    assert chosen[0] == "TOP_K"  # it covers two


def test_a_heading_with_the_sign_between_headings_stays_whole(tmp_path: Path) -> None:
    (tmp_path / "f.md").write_text("# Conditions\n\n## When a > b\n\ntext\n", encoding="utf-8")
    (passage,) = open_index(tmp_path, tmp_path / "cache").search("text", 1)
    assert quoted_passage(passage).startswith("## When a > b\n\ntext")


def test_with_little_room_as_many_terms_as_possible_are_covered(index: EmbeddedIndex) -> None:
    assert headings(passages_for_terms(index, ["WHERE", "==", "ORDER_BY"], limit=1)) == ["WHERE"]


def test_nothing_that_adds_nothing(index: EmbeddedIndex) -> None:
    assert headings(passages_for_terms(index, ["RELSUM"], limit=5)) == ["RELSUM"]
    assert passages_for_terms(index, ["NO_SUCH_THING"], limit=5) == []
    assert passages_for_terms(index, [], limit=5) == []
    assert passages_for_terms(index, ["RELSUM"], limit=0) == []


def test_an_operator_is_not_the_word_it_looks_like(index: EmbeddedIndex) -> None:
    assert passages_for_terms(index, ["RANK"], limit=5) == []
    assert headings(passages_for_terms(index, ["rank"], limit=1)) == ["RANKING"]


def test_a_terms_own_section_comes_before_one_that_carries_its_name(tmp_path: Path) -> None:
    (tmp_path / "m.md").write_text(
        "# BEST of several: BEST\n\nBEST BEST BEST\n\n# BEST\n\nKeeps one.\n", encoding="utf-8"
    )
    assert headings(passages_for_terms(open_index(tmp_path, tmp_path), ["BEST"], limit=5)) == ["BEST"]


@pytest.mark.parametrize(
    ("term", "text", "covered"),
    [
        ("**", "**bold** words about powers", False),
        ("**", "the power `**` of a number", True),
        ("%", "the modulo `a % b`", True),
        ("%", "arithmetic: 50% modulo", False),
        ("by=", "sorted with `RANKING(by=x)`", True),
        ("by=", "standby=3 by", False),
        ("orders", "each order by itself", True),
        ("order", "the border by", False),
    ],
)
def test_what_counts_as_naming_a_term(tmp_path: Path, term: str, text: str, covered: bool) -> None:
    (tmp_path / "m.md").write_text(f"# Section\n\n{text} arithmetic power\n", encoding="utf-8")
    assert bool(passages_for_terms(open_index(tmp_path, tmp_path), [term], limit=1)) is covered


def test_extractive_documentation_says_where_each_passage_stands() -> None:
    text = extractive_documentation("Best orders", PASSAGES)
    assert text.startswith(
        "# Best orders\n\n## RANKING\n\n`RANKING(by=...)` gives the position.\n\nSource: windows.md > RANKING\n\n## TOP_K"
    )
    assert extractive_documentation("Best orders", []) == ""


PARTS = st.lists(st.sampled_from([
    "```", "````", "~~~", "python", "x = 1", "\n", "\n\n", "\n    ", "- ", "> ", "1. ", "# x", "<pre>", "</pre>", "`", "<b>",
    "```markdown\n", "\n- ```\n", "\t", "\n---", "\n===",
]), max_size=12).map("".join)  # fmt: skip


@given(st.lists(PARTS.filter(str.strip), min_size=1, max_size=3))
def test_what_is_put_together_holds_what_its_passages_hold(texts: list[str]) -> None:
    passages = [Passage(passage_id="1", path=f"a.md > {n}", text=text) for n, text in enumerate(texts)]
    whole = read_markdown(extractive_documentation("Why\n```python", passages))
    parts = [read_markdown(quoted_passage(passage)) for passage in passages]
    assert whole.blocks == [block for part in parts for block in part.blocks]
    assert whole.paragraphs[1:] == [paragraph for part in parts for paragraph in part.paragraphs]


def test_the_first_line_of_a_passage_stays_indented() -> None:
    passage = Passage(passage_id="1", path="a.md", text="\n    a = b\n    c = d\n")
    assert "\n\n    a = b\n    c = d\n\nSource" in extractive_documentation("Code", [passage])
    assert "a.md\n    a = b" in create_rag_prompt("Code", [], [passage])


def test_the_prompt_names_terms_and_numbers_passages() -> None:
    prompt = create_rag_prompt("result = orders.TOP_K(3, by={x})", ["TOP_K", "RANKING"], PASSAGES)
    assert "result = orders.TOP_K(3, by={x})" in prompt
    assert "- `TOP_K`\n- `RANKING`" in prompt
    assert "[1] windows.md > RANKING\n`RANKING(by=...)`" in prompt
    assert "[2] methods.md > TOP_K" in prompt


def test_passages_read_along_with_the_terms() -> None:
    assert in_order_of_terms(PASSAGES, ["TOP_K", "RANKING"]) == PASSAGES[::-1]
    assert in_order_of_terms(PASSAGES, ["RANKING", "TOP_K"]) == PASSAGES
    assert in_order_of_terms(PASSAGES, ["TOP_K"]) == PASSAGES[::-1]  # what explains none comes last


def test_refused_passages_are_not_taken(index: EmbeddedIndex) -> None:
    (best,) = passages_for_terms(index, ["RELSUM"], limit=5)
    assert best.passage_id not in {
        passage.passage_id for passage in passages_for_terms(index, ["RELSUM"], 5, {best.passage_id})
    }
