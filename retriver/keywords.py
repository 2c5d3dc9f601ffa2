"""Search by words: BM25 over headings, ways of asking and text, with what a thesaurus adds to the words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from functools import lru_cache

from retriver.fts import any_of
from retriver.synonyms import Thesaurus
from retriver.terms import all_words, compound_names, is_operator_name, question_terms

WEIGHTS = {"heading": 4.0, "above": 0.5, "synonyms": 1.0, "text": 1.0}  # the columns of `matched`
# Shares of the best BM25 of the query's own words
NAMED_SHARE = 0.5  # for an operator that the query names, in a heading,
NAME_SHARE = 0.2  # for the operators behind a way of asking,
OTHERS_SHARE = 0.4  # for other words of the same meaning,
ASKED_SHARE = 0.3  # and for the nearest way of asking that a section lists

# BM25 of a thousand rows takes a millisecond, so a large index is asked for the rarest words only
SMALL = 6_000
MOST_ROWS_OWN = 2_000
MOST_ROWS_ADDED = 500

_RANKED = "SELECT rowid, -rank FROM matched WHERE matched MATCH ? AND rank MATCH ? ORDER BY rank LIMIT ?"
_ASKED = "SELECT row, -rank FROM asked WHERE asked MATCH ? ORDER BY rank LIMIT ?"


class KeywordSearch:
    """BM25 in one index file. May be shared by threads."""

    def __init__(self, connection: sqlite3.Connection, thesaurus: Thesaurus) -> None:
        self._connection = connection
        self._thesaurus = thesaurus
        self._sizes = {
            table: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for table, name in (("matched", "chunks"), ("asked", "asked"))
        }
        self._holders = lru_cache(maxsize=10_000)(self._rows_with)

    def scores(self, query: str, candidates: int) -> dict[int, float]:
        """The scores of the rows that are found, `candidates` of them for each part of the search; any text is a query.

        A row is found that holds one of the query's words (stop words apart) or of what is added to them.
        """
        terms = question_terms(query)
        if not terms:
            return {}
        found = self._ranked(self._own_words(query, terms, "matched", compound_names(query)), candidates)
        most = max(found.values(), default=1.0)
        named = [term for term in terms if is_operator_name(term)]
        behind, others = self._thesaurus.names_for(query), self._thesaurus.others(query)
        for share, added in (
            (NAMED_SHARE, self._ranked(self._added("heading : ", named), candidates)),
            (NAME_SHARE, self._ranked(self._added("heading : ", behind), candidates)),
            (OTHERS_SHARE, self._ranked(self._added("", others), candidates)),
            (ASKED_SHARE, self._nearest_asked(self._own_words(query, terms, "asked"), candidates)),
        ):
            top = max(added.values(), default=0.0) or 1.0
            for row, score in added.items():
                found[row] = found.get(row, 0.0) + share * most * score / top
        return found

    def _own_words(self, query: str, terms: list[str], table: str, in_headings: Iterable[str] = ()) -> str:
        """The query's own words as an expression, at least one of `terms` among what is found."""
        most_rows = MOST_ROWS_OWN if table == "matched" else MOST_ROWS_ADDED
        wanted = any_of(self._rarest(terms, table, most_rows))
        if names := any_of(in_headings):
            wanted = f"{wanted} OR heading : ({names})"
        if self._sizes[table] > SMALL:
            return wanted
        # Words such as "how many" tell a little, but find nothing by themselves
        return f"({any_of([*terms, *all_words(query)])}) AND ({wanted})"

    def _added(self, column: str, words: list[str]) -> str:
        rarest = self._rarest(words, "matched", MOST_ROWS_ADDED, at_least=0)
        return f"{column}({any_of(rarest)})" if rarest else ""

    def _ranked(self, expression: str, candidates: int) -> dict[int, float]:
        if not expression:
            return {}
        weights = f"bm25({', '.join(map(str, WEIGHTS.values()))})"
        return dict(self._connection.execute(_RANKED, (expression, weights, candidates)))

    def _nearest_asked(self, expression: str, candidates: int) -> dict[int, float]:
        """BM25 of each row's way of asking that is nearest to the query."""
        nearest: dict[int, float] = {}
        for row, score in self._connection.execute(_ASKED, (expression, candidates)):
            nearest.setdefault(row, score)  # best first
        return nearest

    def _rarest(self, words: list[str], table: str, most_rows: int, at_least: int = 1) -> list[str]:
        """The rarest of `words`, as many as may be scored in time: what most rows hold tells little about any."""
        if self._sizes[table] <= SMALL:
            return words
        chosen: list[str] = []
        rows = 0
        for held_by, word in sorted((self._holders(word, table), word) for word in words):
            if len(chosen) >= at_least and held_by and rows + held_by > most_rows:
                break
            chosen.append(word)
            rows += held_by
        return chosen

    def _rows_with(self, word: str, table: str) -> int:
        counted = self._connection.execute(f"SELECT count(*) FROM {table} WHERE {table} MATCH ?", (any_of([word]),))
        return int(counted.fetchone()[0])
