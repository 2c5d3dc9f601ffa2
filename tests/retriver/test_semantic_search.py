"""Search by meaning: the real model, vectors kept in the index, and what both ways of searching give together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retriver.chunks import chunk_folder
from retriver.embedded import SearchMode, default_mode, open_index
from retriver.encoder import DIMENSION, Encoder, open_encoder
from retriver.index import ensure_index, index_file
from utils.core.console import UserError


class CountingEncoder:
    """The real encoder, with a note of everything it was given."""

    def __init__(self, name: str = "") -> None:
        self.name = name or open_encoder().name
        self.given: list[str] = []

    def encode(self, texts):
        self.given += texts
        return open_encoder().encode(texts)


def headings(docs: Path, cache: Path, query: str, mode: SearchMode, limit: int = 3) -> list[str]:
    index = open_index(docs, cache, mode)
    found = [passage.path.split(" > ")[-1] for passage in index.search(query, limit)]
    index.close()
    return found


def test_vectors_have_length_one_and_meaning() -> None:
    money, cash, dates = open_encoder().encode(["how much money", "the amount of cash", "the day after tomorrow"])
    assert money.shape == (DIMENSION,)
    assert money.dtype == np.float32
    assert money @ money == pytest.approx(1, abs=1e-5)
    assert money @ cash > money @ dates + 0.2


def test_a_vector_does_not_depend_on_its_neighbours() -> None:
    texts = ["short", "a much longer text " * 30, "", "Umsatz \ud800 größer"]
    together = open_encoder().encode(texts)
    assert together.shape == (4, DIMENSION)
    for text, row in zip(texts, together, strict=True):
        assert np.array_equal(open_encoder().encode([text])[0], row)
    assert open_encoder().encode([]).shape == (0, DIMENSION)


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
def test_what_shares_no_word_is_found(manual: Path, tmp_path: Path, mode: SearchMode) -> None:
    assert headings(manual, tmp_path, "proportion of everything", mode)[0] == "RELSUM"
    assert headings(manual, tmp_path, "league standings", mode)[0] == "RANKING"


def test_an_operators_name_counts_in_hybrid_search(tmp_path: Path) -> None:
    text = "# {0}\n\nMakes a text shorter at its ends by the characters that are given.\n\n"
    (tmp_path / "m.md").write_text("".join(text.format(name) for name in ("KEEP", "XQZV", "CHOP")), encoding="utf-8")
    assert headings(tmp_path, tmp_path / "cache", "XQZV", "hybrid", 1) == ["XQZV"]


def test_what_the_model_does_not_read_is_found_by_its_words(tmp_path: Path) -> None:
    filler = "Records of a collection are put one after the other and shown. " * 30
    text = "".join(f"# Part\n\n{filler} Code Q{n}X.\n\n" for n in range(12))
    (tmp_path / "m.md").write_text(text, encoding="utf-8")
    index = open_index(tmp_path, tmp_path / "cache", "hybrid")
    assert "Q9X" in index.search("part with the code Q9X", 1)[0].text


def test_a_hidden_way_of_asking_is_found_and_no_way_of_asking_is_shown(tmp_path: Path) -> None:
    text = "# A\n\nSome text.\n\n# B\n\nSome text.\n\nAlso asked as: one.\n\n<!-- Also asked as: boats at sea -->\n\n"
    (tmp_path / "m.md").write_text(text + "# C\n\nSome text.\n", encoding="utf-8")
    for mode in ("keywords", "semantic", "hybrid"):
        best = open_index(tmp_path, tmp_path / "cache", mode).search("a boat on the sea", 1)[0]
        assert (best.path, best.text) == ("m.md > B", "Some text.")


def test_scores_fall_and_the_limit_holds(manual: Path, tmp_path: Path) -> None:
    index = open_index(manual, tmp_path, "hybrid")
    found = index.search("order the records", 4)
    assert len(found) == 4
    assert [passage.score for passage in found] == sorted((passage.score for passage in found), reverse=True)
    assert index.search("order the records", 2) == found[:2]
    assert index.search("  ", 2) == index.search("x", 0) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(query=st.text())
def test_any_text_is_a_query(manual: Path, tmp_path: Path, query: str) -> None:
    assert len(open_index(manual, tmp_path, "hybrid").search(query, 3)) <= 3


def test_only_changed_chunks_are_embedded(manual: Path, tmp_path: Path) -> None:
    file = tmp_path / "index.sqlite"
    first = CountingEncoder()
    ensure_index(chunk_folder(manual), file, first)
    assert len(first.given) == len(set(first.given)) > len(chunk_folder(manual))  # each section, and each paragraph
    assert not any(text.startswith("```") for text in first.given)
    again = CountingEncoder()
    ensure_index(chunk_folder(manual), file, again)
    assert again.given == []

    text = (manual / "windows.md").read_text(encoding="utf-8")
    (manual / "windows.md").write_text(text.replace("share of the total", "part of the whole"), encoding="utf-8")
    edited = CountingEncoder()
    ensure_index(chunk_folder(manual), file, edited)
    assert len(edited.given) == 2
    assert "part of the whole" in edited.given[0]


def test_vectors_outlive_an_index_built_without_the_model(manual: Path, tmp_path: Path) -> None:
    file = tmp_path / "index.sqlite"
    ensure_index(chunk_folder(manual), file, CountingEncoder())
    (manual / "new.md").write_text("# Percentiles\n\nBuckets of equal size.\n", encoding="utf-8")
    ensure_index(chunk_folder(manual), file, None)
    later = CountingEncoder()
    ensure_index(chunk_folder(manual), file, later)
    assert later.given == ["Percentiles\nBuckets of equal size."]  # section and paragraph in one


def test_another_models_vectors_are_not_taken_over(manual: Path, tmp_path: Path) -> None:
    file = tmp_path / "index.sqlite"
    before = CountingEncoder("an older model")
    ensure_index(chunk_folder(manual), file, before)
    now = CountingEncoder()
    ensure_index(chunk_folder(manual), file, now)
    assert now.given == before.given != []


def test_an_index_by_words_serves_until_meaning_is_asked_for(manual: Path, tmp_path: Path) -> None:
    open_index(manual, tmp_path, "keywords").close()
    assert headings(manual, tmp_path, "proportion of everything", "semantic")[0] == "RELSUM"
    built = index_file(manual, tmp_path).stat().st_ino
    open_index(manual, tmp_path, "keywords").close()  # the richer file serves both
    assert index_file(manual, tmp_path).stat().st_ino == built


def test_the_mode_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETRIEVAL_SEARCH", "semantic")
    assert default_mode() == "semantic"
    monkeypatch.setenv("RETRIEVAL_SEARCH", "")
    assert default_mode() == "hybrid"
    monkeypatch.setattr("retriver.encoder.importlib.util.find_spec", lambda name: None)
    assert default_mode() == "keywords"
    monkeypatch.setenv("RETRIEVAL_SEARCH", "fuzzy")
    with pytest.raises(UserError, match="RETRIEVAL_SEARCH: 'fuzzy' is no way to search"):
        default_mode()


def test_missing_packages_are_told(manual: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_encoder.cache_clear()
    monkeypatch.setattr("retriver.encoder.importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"not installed .numpy, onnxruntime.*`make semantic`"):
        open_index(manual, tmp_path, "hybrid")


def test_a_model_of_other_bytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    open_encoder.cache_clear()
    monkeypatch.setattr("retriver.encoder.MODEL_SHA256", "0" * 64)
    with pytest.raises(UserError, match=r"model\.onnx: missing or not the pinned version"):
        open_encoder()


def test_the_encoder_is_one_object_a_process() -> None:
    open_encoder.cache_clear()
    assert isinstance(open_encoder(), Encoder)
    assert open_encoder() is open_encoder()
