"""Search by words: what a query's words count, what the thesaurus adds, and what a large index leaves out."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from retriver import keywords
from retriver.chunks import chunk_markdown
from retriver.encoder import open_encoder
from retriver.index import ensure_index, read_only
from retriver.keywords import KeywordSearch
from retriver.synonyms import Thesaurus

NO_THESAURUS = Thesaurus([], [])


def found(tmp_path: Path, text: str, query: str, thesaurus: Thesaurus = NO_THESAURUS) -> list[str]:
    chunks = chunk_markdown(text, "f.md")
    ensure_index(chunks, tmp_path / "index.sqlite", None)
    scores = KeywordSearch(read_only(tmp_path / "index.sqlite"), thesaurus).scores(query, 10)
    ranked = sorted((row for row in scores if scores[row] > 0), key=lambda row: -scores[row])
    return [chunks[row].heading for row in ranked]


def test_an_operator_that_the_query_names_is_looked_for_in_headings(tmp_path: Path) -> None:
    others = "".join(f"# F{n}\n\nfiller {n} about dates.\n\n" for n in range(8))
    own = "# XAVG\n\nThe mean of many numbers with nothing left out.\n"
    assert found(tmp_path, f"# Part\n\nXAVG skips nulls.\n\n{others}{own}", "XAVG nulls")[:2] == ["XAVG", "Part"]


def test_the_operators_behind_a_way_of_asking_are_found_without_a_word_of_the_query(tmp_path: Path) -> None:
    text = "# PERCENTILE\n\nBuckets.\n\n# SUM\n\nAdds.\n"
    assert found(tmp_path, text, "ten equal groups") == []
    thesaurus = Thesaurus([], [("equal groups", ("PERCENTILE",))])
    assert found(tmp_path, text, "ten equal groups", thesaurus) == ["PERCENTILE"]


def test_other_words_of_a_ring_count_less_than_the_querys_own(tmp_path: Path) -> None:
    text = "# A\n\nEach buyer once.\n\n# B\n\nEach client once.\n"
    thesaurus = Thesaurus([("client", "buyer")], [])
    assert found(tmp_path, text, "buyer", thesaurus) == ["A", "B"]
    assert found(tmp_path, text, "clients", thesaurus) == ["B", "A"]


def test_a_phrase_that_is_asked_as_a_whole_counts_more_than_its_words_apart(tmp_path: Path) -> None:
    whole = "# Whole\n\nAlso asked as: red wool coat, blue silk hat, plain old text.\n"
    apart = "# Apart\n\nAlso asked as: red silk text, blue wool hat, plain old coat.\n"
    for order in (whole + "\n" + apart, apart + "\n" + whole):
        assert found(tmp_path, order, "red wool coat") == ["Whole", "Apart"]


def test_a_large_index_is_asked_for_the_rarest_words_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f"# S{n}\n\ncommon words{' rare' if n == 7 else ''}\n\n" for n in range(9))
    assert len(found(tmp_path, text, "common rare")) == 9
    monkeypatch.setattr(keywords, "SMALL", 0)
    monkeypatch.setattr(keywords, "MOST_ROWS_OWN", 3)
    assert found(tmp_path, text, "common rare") == ["S7"]
    assert len(found(tmp_path, text, "common")) == 9  # a query has at least one word
    monkeypatch.setattr(keywords, "MOST_ROWS_ADDED", 3)
    assert found(tmp_path, text, "rare", Thesaurus([("rare", "common")], [])) == ["S7"]  # what is added need not


def test_who_finds_an_index_in_the_making_waits_for_it(tmp_path: Path) -> None:
    given: list[str] = []

    class Slow:
        name = open_encoder().name

        def encode(self, texts):
            given.extend(texts)
            time.sleep(0.5)
            return open_encoder().encode(texts)

    chunks = chunk_markdown("# A\n\none\n", "f.md")
    builders = [
        threading.Thread(target=ensure_index, args=(chunks, tmp_path / "index.sqlite", Slow())) for _ in range(3)
    ]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert given == ["A\none"]  # once
