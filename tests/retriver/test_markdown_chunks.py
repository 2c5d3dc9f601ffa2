"""Cutting Markdown: paths, ids, long sections; nothing lost, no code cut."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriver.chunks import (
    MAX_CHARACTERS,
    Chunk,
    chunk_folder,
    chunk_markdown,
    path_of,
    path_parts,
    without_asked,
)
from utils.core.console import UserError


def paths(chunks: list[Chunk]) -> list[str]:
    return [chunk.path for chunk in chunks]


def test_each_heading_has_its_own_text_and_path(manual: Path) -> None:
    chunks = chunk_folder(manual)
    assert paths(chunks) == [
        "collections.md > Collection methods > ORDER_BY",
        "collections.md > Collection methods > TOP_K",
        "collections.md > Collection methods > WHERE",
        "windows.md",
        "windows.md > Window functions",
        "windows.md > Window functions > RANKING",
        "windows.md > Window functions > RELSUM",
    ]
    assert chunks[3].text == "Window functions compare a row with the rows around it."
    assert chunks[5].heading == "RANKING"
    assert "# 1 is the best" in chunks[5].text


def test_a_deeper_heading_ends_with_the_next_of_its_level_or_above() -> None:
    text = "# A\na\n### B\nb\n## C\nc\n# D\nd"
    assert paths(chunk_markdown(text, "f.md")) == ["f.md > A", "f.md > A > B", "f.md > A > C", "f.md > D"]


def test_hashes_that_are_no_headings() -> None:
    text = "# A\n\n#5 is a number\n\n    # indented code\n\n~~~sh\n# comment\n```\n# still code\n~~~\n\n```` md\n```\n# B\n```\n````\n"
    (chunk,) = chunk_markdown(text, "f.md")
    assert chunk.path == "f.md > A"
    assert chunk.text == text.removeprefix("# A\n\n").rstrip()


def test_a_fence_in_a_list_item_and_one_that_is_never_closed() -> None:
    text = "# A\n\n- item\n\n      ```\n      # code\n      ```\n\n# B\n\n```\n# code to the end\n"
    assert paths(chunk_markdown(text, "f.md")) == ["f.md > A", "f.md > B"]


def test_a_fence_behind_a_list_marker_opens_code() -> None:
    code = "1. ```python\n   # pick nations\n   result = nations\n   ```\n\n- 2. ~~~\n     # x\n     ~~~"
    chunks = chunk_markdown(f"# A\n\n{code}\n\n## B\n\ntext\n", "f.md")
    assert [(chunk.path, chunk.text) for chunk in chunks] == [("f.md > A", code), ("f.md > A > B", "text")]


def test_a_fence_in_a_string_of_the_code_does_not_close_it() -> None:
    code = '```python\ns = """\n    ```\n# no heading\n\t```\n"""\n# nor this\n   ```'
    (chunk, _) = chunk_markdown(f"# A\n\n{code}\n\n# B\n\ntext\n", "f.md")
    assert (chunk.path, chunk.text) == ("f.md > A", code)


def test_underlined_headings() -> None:
    text = "Title\n=====\n\nfirst\n\n`**` 2\n---\nsecond\n\n### C\nthird\n\nOther\n=  \n\nfourth\n"
    assert [(chunk.path, chunk.text) for chunk in chunk_markdown(text, "f.md")] == [
        ("f.md > Title", "first"),
        ("f.md > Title > ** 2", "second"),
        ("f.md > Title > ** 2 > C", "third"),
        ("f.md > Other", "fourth"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "- item\n---\ntext",
        "1. item\n---",
        "> quote\n---",
        "| a |\n---",
        "- item\n\n  more of it\n---",
        "    code\n---",
        "a paragraph\nof two lines\n---\ntext",
        "text\n\n---\n\ntext",
        "***\n---\n___\n---",
        "text\n--- x",
        "<b>text</b>\n---",
    ],
)
def test_rules_that_underline_no_heading(text: str) -> None:
    (chunk,) = chunk_markdown(text, "f.md")
    assert (chunk.path, chunk.text) == ("f.md", text)


def test_comments_of_many_lines_are_left_out() -> None:
    text = (
        "# A\n\nfirst\n<!--\n# Hidden\nsecret\nAlso asked as: one, two\n-->\nsecond\n\n"
        "<!-- Also asked as: three\n```\n--> third\n\n```\n<!--\n```\n\n# B\n\n<!-- never closed\n\nfourth\n"
    )
    first, second = chunk_markdown(text, "f.md")
    assert (first.path, first.text) == ("f.md > A", "first\nsecond\n\nthird\n\n```\n<!--\n```")
    assert first.asked == ["one", "two", "three"]
    assert (second.path, second.text) == ("f.md > B", "<!-- never closed\n\nfourth")


@pytest.mark.parametrize(
    "front",
    [
        "---\ntitle: x\n---\n",
        "--- \n# a remark\ntitle:\n  - one\n# another\n\nsub title: |\n  # x\n...\n",
    ],
)
def test_front_matter_is_left_out(front: str) -> None:
    (chunk,) = chunk_markdown(f"{front}# A\n\ntext\n\n---\n", "f.md")
    assert (chunk.path, chunk.text) == ("f.md > A", "text\n\n---")


@pytest.mark.parametrize("text", ["---\n\nNote: text\n\n---", "---\ntext\n\n---", "---\na: b", "x\n\n---\na: b\n\n---"])
def test_text_between_rules_is_no_front_matter(text: str) -> None:
    assert "".join(chunk.text for chunk in chunk_markdown(text, "f.md")) == text


def test_heading_dress_is_taken_off() -> None:
    text = "## `TOP_K` and **more** ##\nx\n## [Link](#l) \\_\\_len\\_\\_\ny\n## `**` (power)\nz\n# A [![b](c)](d) ![e](f)\nz"
    assert [chunk.heading for chunk in chunk_markdown(text, "f.md")] == [
        "TOP_K and more",
        "Link __len__",
        "** (power)",
        "A b e",
    ]


def test_hashes_that_end_a_heading_are_none_of_it() -> None:
    found = chunk_markdown("## Sort ##\none\n## C#\ntwo\n## A  # b ###  \nthree\n## ##\nfour\n", "f.md")
    assert [chunk.heading for chunk in found] == ["Sort", "C#", "A  # b", ""]


@given(st.lists(st.text(alphabet="a \\>").map(str.strip), min_size=1))
def test_a_path_gives_back_its_parts(parts: list[str]) -> None:
    assert path_parts(path_of(parts)) == parts


def test_a_heading_of_a_path_may_hold_what_separates_headings() -> None:
    text = "# A\n## When a > b\none\n### C\ntwo\n## `>` a->b\nthree\n"
    chunks = chunk_markdown(text, "f.md")
    assert [path_parts(chunk.path) for chunk in chunks] == [
        ["f.md", "A", "When a > b"],
        ["f.md", "A", "When a > b", "C"],
        ["f.md", "A", "> a->b"],
    ]
    assert paths(chunks)[0] == r"f.md > A > When a \> b"
    assert paths(chunks)[2] == "f.md > A > > a->b"


def test_tables_of_contents_and_anchors_are_left_out() -> None:
    text = "# A\n\n<!-- TOC start -->\n\n- [B](#b)\n   * [C](#c)\n\n<!-- TOC end -->\n\n<a name='b'></a>\n\n# B\n\n- see [C](#c) too\n"
    (chunk,) = chunk_markdown(text, "f.md")
    assert (chunk.path, chunk.text) == ("f.md > B", "- see [C](#c) too")


def test_long_sections_split_between_paragraphs_and_keep_code_with_its_introduction() -> None:
    paragraph = "word " * 200  # 1,000 characters
    code = "```python\n" + "x = 1\n\n" * 130 + "```"
    text = f"# A\n\n{paragraph}\n\n{paragraph}\n\nFor example:\n\n{code}\n\n{code}\n"
    parts = [chunk.text for chunk in chunk_markdown(text, "f.md")]
    assert parts == [paragraph.strip(), paragraph.strip(), f"For example:\n\n{code}", code]


def test_ids_survive_edits_and_tell_occurrences_apart() -> None:
    before = chunk_markdown("# A\n\n## Example\none\n\n## Example\ntwo\n", "f.md")
    after = chunk_markdown("new front\n\n# A\n\n## Example\none, edited\n\n## Example\ntwo\n", "f.md")
    assert [chunk.chunk_id for chunk in after[1:]] == [chunk.chunk_id for chunk in before]
    assert len({chunk.chunk_id for chunk in after}) == 3
    assert chunk_markdown("# A\n\n## Example\none\n", "g.md")[0].chunk_id != before[0].chunk_id


def test_folders_are_read_deeply_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.md", "sub/a.MD", ".git/c.md", "d.txt"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes("\ufeff# H\r\n\r\ntext\r\n".encode())
    chunks = chunk_folder(tmp_path)
    assert paths(chunks) == ["b.md > H", "sub/a.MD > H"]
    assert chunks[0].text == "text"


def test_linked_folders_are_read_once(tmp_path: Path) -> None:
    docs, elsewhere = tmp_path / "docs", tmp_path / "elsewhere"
    for file in (docs / "z/real.md", elsewhere / "deep/far.md", docs / "z/.hidden/no.md"):
        file.parent.mkdir(parents=True)
        file.write_text("# H\n\ntext\n", encoding="utf-8")
    for link, target in {
        "a": docs / "z",  # has a name of its own
        "b": elsewhere,
        "c": elsewhere / "deep",  # read by way of b
        "z/loop": docs,
        "z/gone": tmp_path / "gone",
        "z/self": docs / "z/self",
        "one.md": elsewhere / "deep/far.md",
    }.items():
        (docs / link).symlink_to(target)
    assert paths(chunk_folder(docs)) == ["b/deep/far.md > H", "one.md > H", "z/real.md > H"]


def test_folders_without_text_and_bad_encoding_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing: no such folder"):
        chunk_folder(tmp_path / "missing")
    with pytest.raises(UserError, match="no text in Markdown files"):
        chunk_folder(tmp_path)
    (tmp_path / "latin.md").write_bytes(b"# caf\xe9\n")
    with pytest.raises(UserError, match=r"latin\.md: not UTF-8 at byte 5"):
        chunk_folder(tmp_path)


def test_a_name_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.md")).write_text("# A\n\ntext\n", encoding="utf-8")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(UserError, match=r"caf\\udce9\.md': the name is not UTF-8; rename"):
        chunk_folder(tmp_path)


# Properties: pieces whose fate is known by construction

words = st.text(alphabet="abc#`~ *-[]()<>!.é\t", min_size=1, max_size=40).map(lambda text: f"w{text.replace('`', '')}w")
paragraphs = st.lists(words, min_size=1, max_size=30).map("\n".join)
headings = st.builds(
    lambda level, title: f"{'#' * level} T{title}", st.integers(1, 6), st.text(alphabet="abc ", max_size=5)
)
underlined_headings = st.builds(
    lambda title, line: f"T{title}\n{line}",
    st.text(alphabet="abc #`", max_size=5),
    st.sampled_from(["---", "=", " ==="]),
)
code_lines = st.lists(st.sampled_from(["# no heading", "", "x = 1", "~~~", "- [a](#a)", "y" * 300]), max_size=12)
code = code_lines.map(lambda lines: "\n".join(["```python", *lines, "    ```", "# no heading", "    ```", "```"]))
code_in_lists = code_lines.map(
    lambda lines: "\n".join(["1. ```python", *(f"   {line}".rstrip() for line in lines), "   ```"])
)
comments = code_lines.map(lambda lines: "\n".join(["<!-- # remark", *lines, "```", "-->"]))
documents = st.lists(
    st.one_of(
        st.tuples(st.just("text"), paragraphs),
        st.tuples(st.just("heading"), headings),
        st.tuples(st.just("heading"), underlined_headings),
        st.tuples(st.just("code"), code | code_in_lists),
        st.tuples(st.just("comment"), comments),
    ),
    max_size=25,
)


def lines_with_text(text: str) -> list[str]:
    return [line.rstrip() for line in text.split("\n") if line.strip()]


@given(documents)
def test_no_text_is_lost_nor_reordered(pieces: list[tuple[str, str]]) -> None:
    chunks = chunk_markdown("\n\n".join(text for _, text in pieces), "f.md")
    expected = lines_with_text("\n".join(text for kind, text in pieces if kind not in ("heading", "comment")))
    assert lines_with_text("\n".join(chunk.text for chunk in chunks)) == expected


@given(documents)
def test_code_blocks_stay_whole_and_chunks_short(pieces: list[tuple[str, str]]) -> None:
    chunks = chunk_markdown("\n\n".join(text for _, text in pieces), "f.md")
    for kind, text in pieces:
        assert kind != "code" or any(text in chunk.text for chunk in chunks)
    longest_piece = max((len(text) for _, text in pieces), default=0)
    for chunk in chunks:
        assert chunk.text.count("```") % 2 == 0
        # one paragraph with the code it introduces may be longer than the limit
        assert len(chunk.text) <= max(MAX_CHARACTERS, 2 * longest_piece + 2)


@given(st.text())
def test_any_text_gives_chunks_with_distinct_ids(text: str) -> None:
    chunks = chunk_markdown(text, "f.md")
    assert len({chunk.chunk_id for chunk in chunks}) == len(chunks)
    assert all(chunk.text.strip() and chunk.path.startswith("f.md") for chunk in chunks)


def test_other_ways_of_asking_are_listed_in_a_line_or_a_comment() -> None:
    text = """\
# A

First.

Also asked as: one thing, another, .

<!-- Also asked as: hidden one, hidden two -->
<!-- a remark -->
# B

Also asked as nothing in particular
"""
    first, second = chunk_markdown(text, "f.md")
    assert first.asked == ["one thing", "another", "hidden one", "hidden two"]
    assert "one thing" in first.text and "hidden" not in first.text
    assert second.asked == []
    assert without_asked(first.text) == "First."
    assert without_asked(second.text) == second.text


@pytest.mark.parametrize(
    ("front", "part", "end"),
    [
        ("", "<!--a-->", "x"),
        ("", "<!--", "x"),
        ("", "<a id=a></a> ", "x"),
        ("# a", " ", "x"),
        ("# ", " #", "x"),
        ("#" + " " * 50_000, "#", "b"),
        ("# ", "[", "x"),
        ("# ", "[a](", "x"),
        ("# ", "**a", "x"),
        ("- [", "](#", "x"),
        ("- [a](#a)", " ", "x"),
        ("Also asked as: a", " ", "x"),
        ("", "`", "x`"),
        ("---\n", "a: b\n", "x"),
        ("---\n", "- b\n", "x"),
        ("", "<!--\n", "x"),
        ("", "1. ", "```"),
        ("", " \n", "x"),
    ],
)
def test_long_lines_are_read_in_time(front: str, part: str, end: str) -> None:
    text = front + part * (50_000 // len(part)) + end
    begun = time.perf_counter()
    chunk_markdown(text, "f.md")
    assert time.perf_counter() - begun < 1
