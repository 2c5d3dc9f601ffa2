"""The FTS5 index: what it ranks first, that no query breaks it, when it is built again."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retriver.chunks import chunk_folder
from retriver.embedded import EmbeddedIndex, open_index
from retriver.index import index_file
from utils.core.console import UserError


@pytest.fixture
def index(manual: Path, tmp_path: Path) -> Iterator[EmbeddedIndex]:
    opened = open_index(manual, tmp_path / "cache")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("query", "heading"),
    [
        ("RANKING", "RANKING"),  # TOP_K mentions it too; the heading weighs more
        ("how do I rank the customers", "RANKING"),  # by its stem
        ("share of the total", "RELSUM"),
        ("ORDER_BY", "ORDER_BY"),
        ("how to order by balance", "ORDER_BY"),
        ("top k", "TOP_K"),
        ("where does na_pos stand", "ORDER_BY"),
        ("allow_ties", "RANKING"),
    ],
)
def test_the_right_section_comes_first(index: EmbeddedIndex, query: str, heading: str) -> None:
    assert index.search(query, 3)[0].path.endswith(f" > {heading}")


def test_names_with_underscores(tmp_path: Path) -> None:
    sections = {
        "ORDER_BY, for sorted output": "Arranges.",
        "Order": "The order of an order.",
        "range_collection": "Numbers.",
        "Frames": "From to df.",
    }
    (tmp_path / "m.md").write_text(
        "\n".join(f"# {name}\n\n{text}\n" for name, text in sections.items()), encoding="utf-8"
    )
    index = open_index(tmp_path, tmp_path)
    assert index.search("order by", 1)[0].text == "Arranges."  # the name said in two words
    assert index.search("collection", 1)[0].text == "Numbers."  # one word of a name in a heading
    assert index.search("to_df", 5) == []  # the name, not its parts


def test_a_long_word_in_a_heading_is_indexed_in_time(tmp_path: Path) -> None:
    (tmp_path / "m.md").write_text(f"# {'a' * 30_000}\n\ntext\n", encoding="utf-8")
    begun = time.perf_counter()
    assert open_index(tmp_path, tmp_path).search("text", 1)
    assert time.perf_counter() - begun < 2


def test_scores_fall_and_the_limit_holds(index: EmbeddedIndex) -> None:
    found = index.search("records sum window ranking", 10)
    assert len(found) > 2
    assert [passage.score for passage in found] == sorted((passage.score for passage in found), reverse=True)
    assert found[0].score > 0
    assert index.search("records sum window ranking", 2) == found[:2]
    assert index.search("records", 0) == []
    assert index.search("records", -1) == []


def test_passages_are_the_chunks(index: EmbeddedIndex, manual: Path) -> None:
    chunks = {chunk.chunk_id: chunk for chunk in chunk_folder(manual)}
    for passage in index.search("records window", 10):
        assert (passage.path, passage.text) == (chunks[passage.passage_id].path, chunks[passage.passage_id].text)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "==",
        '"',
        '""',
        "a AND",
        "NEAR(",
        "NOT x OR",
        "headings : x",
        "x*",
        "^x",
        "-x",
        "%",
        "a\0b",
        "'",
        "\ud800",
        "_",
        "(((",
        "¼",
    ],
)
def test_query_syntax_is_only_text(index: EmbeddedIndex, query: str) -> None:
    index.search(query, 5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    query=st.text()
    | st.lists(st.sampled_from(["ORDER_BY", "AND", "NOT", "NEAR", "(", '"', "*", ":", "==", "%", "^", "\0"])).map(
        " ".join
    )
)
def test_any_text_is_a_query(index: EmbeddedIndex, query: str) -> None:
    assert len(index.search(query, 3)) <= 3


def test_it_is_built_once_and_again_only_after_a_change(manual: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = open_index(manual, cache)
    built = index_file(manual, cache).stat()
    open_index(manual, cache).close()
    assert index_file(manual, cache).stat().st_ino == built.st_ino

    (manual / "new.md").write_text("# Percentiles\n\nBuckets of equal size.\n", encoding="utf-8")
    second = open_index(manual, cache)
    assert index_file(manual, cache).stat().st_ino != built.st_ino
    assert second.search("buckets", 1)[0].path == "new.md > Percentiles"
    assert first.search("buckets", 1) == []  # who has the old one open goes on reading it
    assert first.search("share", 1)
    (manual / "new.md").unlink()
    assert open_index(manual, cache).search("buckets", 1) == []
    assert _indexes(cache) == [index_file(manual, cache)]


def _indexes(cache: Path) -> list[Path]:
    """All files of a cache, temporary ones too, but for the locks."""
    return [file for file in cache.iterdir() if file.suffix != ".lock"]


def test_each_folder_has_its_own_index(manual: Path, tmp_path: Path) -> None:
    other = tmp_path / "odd ?#%name"
    other.mkdir()
    (other / "x.md").write_text("# Zebra\n\nstripes\n", encoding="utf-8")
    cache = tmp_path / "cache ?#%"
    assert open_index(other, cache).search("stripes", 1)[0].path == "x.md > Zebra"
    assert open_index(manual, cache).search("stripes", 1) == []


@pytest.mark.parametrize("damage", [b"", b"not a database", None])
def test_a_damaged_index_is_built_anew(manual: Path, tmp_path: Path, damage: bytes | None) -> None:
    open_index(manual, tmp_path).close()
    file = index_file(manual, tmp_path)
    if damage is None:
        with sqlite3.connect(file) as connection:
            connection.execute("DELETE FROM about")
    else:
        file.write_bytes(damage)
    assert open_index(manual, tmp_path).search("share", 1)


def test_a_damaged_page_or_a_lost_end_is_healed(manual: Path, tmp_path: Path) -> None:
    def found() -> list[object]:
        index = open_index(manual, tmp_path)
        passages = [passage for query in ("share", "records window", "na_pos") for passage in index.search(query, 5)]
        index.close()
        return passages

    expected = found()
    file = index_file(manual, tmp_path)
    whole = file.read_bytes()
    page = 4096
    zeroed = [whole[:at] + bytes(page) + whole[at + page :] for at in range(0, len(whole), page)]
    cut = [whole[:size] for size in (page // 2, page, 3 * page, len(whole) - page, len(whole) - 100)]
    for damaged in [*zeroed, *cut, whole[: 3 * page] + bytes(len(whole) - 3 * page)]:
        file.write_bytes(damaged)
        assert found() == expected
        assert file.stat().st_size == len(whole)


def test_a_folder_whose_name_is_not_utf8_is_told(manual: Path, tmp_path: Path) -> None:
    try:
        folder = manual.rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(UserError, match="the name is not UTF-8"):
        open_index(folder, tmp_path / "cache")


def test_a_full_disk_or_a_file_in_the_way_is_told(
    manual: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(OSError, match="cache"):
        open_index(manual, tmp_path / "cache")
    monkeypatch.setattr("retriver.index._CREATE", "CREATE VIRTUAL TABLE passages USING no_such_module(x);")
    with pytest.raises(UserError, match="cannot build the index"):
        open_index(manual, tmp_path / "other")
    assert _indexes(tmp_path / "other") == []


def _open_and_search(docs: Path, cache: Path, start: Barrier, answers: multiprocessing.Queue) -> None:
    start.wait(timeout=20)
    answers.put([passage.passage_id for passage in open_index(docs, cache).search("number7 number8", 5)])


def test_two_processes_build_at_once(tmp_path: Path) -> None:
    docs, cache = tmp_path / "docs", tmp_path / "cache"
    docs.mkdir()
    sections = [f"# Section {number}\n\ntext about number{number % 50}\n" for number in range(3000)]
    (docs / "many.md").write_text("\n".join(sections), encoding="utf-8")
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(2), context.Queue()
    processes = [context.Process(target=_open_and_search, args=(docs, cache, start, answers)) for _ in range(2)]
    for process in processes:
        process.start()
    found = [answers.get(timeout=30) for _ in processes]
    for process in processes:
        process.join(timeout=30)
    assert [process.exitcode for process in processes] == [0, 0]
    assert found[0] == found[1]
    assert len(found[0]) == 5
    assert _indexes(cache) == [index_file(docs, cache)]


def test_threads_share_an_index(index: EmbeddedIndex) -> None:
    expected = index.search("records window", 5)
    found: list[bool] = []
    threads = [
        threading.Thread(target=lambda: found.extend(index.search("records window", 5) == expected for _ in range(50)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 200
