"""What a question is taken to mean: rings of words, and operators behind ways of asking."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retriver.chunks import chunk_markdown
from retriver.embedded import EmbeddedIndex, open_index
from retriver.fts import any_of
from retriver.index import index_file, read_only
from retriver.synonyms import (
    MOST_NAMES,
    MOST_WORDS,
    RINGS_FILE,
    Thesaurus,
    graph_rings,
    manual_thesaurus,
    read_rings,
    ways_of_asking,
)
from utils.core.console import UserError

COOKBOOK = """\
# Cookbook

## Ten equal groups

Also asked as: deciles, split customers into buckets, ntile.

```python
# wrong: no such thing
result = customers.CALCULATE(x=NTILE(10))
```

```python
result = customers.CALCULATE(name, group=PERCENTILE(by=balance.ASC(), n_buckets=10)).ORDER_BY(name)
```

## RELSUM

Also asked as: share of the whole.

A sum beside every row.

## Plain talk

Nothing to see.
"""


@pytest.fixture
def thesaurus() -> Thesaurus:
    rings = [("customer", "client", "account holder"), ("previous", "prior")]
    return Thesaurus(rings, ways_of_asking(chunk_markdown(COOKBOOK, "c.md")))


def test_ways_of_asking_lead_to_operators() -> None:
    asked = dict(ways_of_asking(chunk_markdown(COOKBOOK, "c.md")))
    assert asked["deciles"] == asked["Ten equal groups"] == ("PERCENTILE",)  # not of the wrong program
    assert asked["share of the whole"] == asked["RELSUM"] == ("RELSUM",)
    assert asked["Plain talk"] == ()


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Split our customers into five buckets!", ["PERCENTILE"]),  # all words of a phrase, by their stems
        ("which decile is a client in", ["PERCENTILE"]),
        ("share of the whole, please", ["RELSUM"]),
        ("split the bill", []),  # one of three words is not the phrase
        ("NTILE", []),  # an operator's name stands for itself
        ("", []),
    ],
)
def test_names_for_a_question(thesaurus: Thesaurus, question: str, names: list[str]) -> None:
    assert thesaurus.names_for(question) == names


def test_others_of_a_ring(thesaurus: Thesaurus) -> None:
    assert thesaurus.others("our Clients") == ["customer", "client", "account holder"]
    assert thesaurus.others("the account holders of the prior year") == [
        "customer", "client", "account holder", "previous", "prior",
    ]  # fmt: skip
    assert thesaurus.others("an account") == []  # half a phrase
    assert thesaurus.others("?") == []


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_question(text: str) -> None:
    assert len(manual_thesaurus().names_for(text)) <= MOST_NAMES
    assert len(manual_thesaurus().others(text)) <= MOST_WORDS


def test_rings_are_words_of_one_meaning() -> None:
    assert read_rings("# remark\n\na, b c ,d\n") == [("a", "b c", "d")]
    rings = read_rings(RINGS_FILE.read_text(encoding="utf-8"))
    assert len(rings) > 60
    for ring in rings:
        assert len(ring) >= 2
        assert len(set(ring)) == len(ring)
        assert all(ring)


def test_the_graphs_synonyms_count_too() -> None:
    assert "investors" in manual_thesaurus().others("customers")


def graph_with(folder: Path, *collections: dict[str, object]) -> Path:
    """`folder` with a graph in it that has these collections."""
    graph = {"name": "G", "version": "V2", "collections": collections, "relationships": []}
    (folder / "g.json").write_text(json.dumps([graph]), encoding="utf-8")
    return folder


def test_a_graph_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{")
    with pytest.raises(UserError, match=r"mine\.json:1: not JSON"):
        list(graph_rings(tmp_path))


def test_only_lists_of_synonyms_count(tmp_path: Path) -> None:
    named = [{"name": "a_b", "synonyms": ["c", 5]}, {"name": "d", "synonyms": "ef"}, {"name": "g", "synonyms": None}]
    assert list(graph_rings(graph_with(tmp_path, *named))) == [("a b", "c", "5")]


@pytest.fixture(scope="module")
def keyword_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    (folder / "c.md").write_text(COOKBOOK, encoding="utf-8")
    open_index(folder, folder).close()
    return index_file(folder, folder)


@pytest.mark.parametrize("synonym", ['19" rack', '"', "a\0b", "\ud800", "NOT", "*"])
def test_a_synonym_of_any_text_can_be_searched_for(keyword_index: Path, tmp_path: Path, synonym: str) -> None:
    graphs = graph_with(tmp_path, {"name": "shelf", "synonyms": [synonym, "deciles"]})
    index = EmbeddedIndex(keyword_index, "keywords", None, Thesaurus(graph_rings(graphs), []))
    assert index.search("shelf", 1)[0].path.endswith("Ten equal groups")
    index.close()


@settings(deadline=None)
@given(st.lists(st.text(), min_size=1))
def test_any_words_are_an_expression(keyword_index: Path, words: list[str]) -> None:
    connection = read_only(keyword_index)
    connection.execute("SELECT count(*) FROM matched WHERE matched MATCH ?", (any_of(words),)).fetchone()
    connection.close()
