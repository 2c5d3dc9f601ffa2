"""Search in an embedded index: by words (BM25), by meaning (cosine of sentence vectors), or by both."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from retriver.chunks import chunk_folder
from retriver.encoder import open_encoder, semantic_packages_missing
from retriver.index import ensure_index, index_file, read_only
from retriver.synonyms import Thesaurus, manual_thesaurus
from retriver.terms import all_words, compound_names, is_operator_name, question_terms
from utils.core.console import UserError
from utils.core.records import Passage
from utils.core.settings import load_settings

if TYPE_CHECKING:
    import numpy as np

    from retriver.encoder import Encoder

SearchMode = Literal["keywords", "semantic", "hybrid"]
SEARCH_MODES: tuple[SearchMode, ...] = get_args(SearchMode)

WEIGHTS = {"heading": 4.0, "above": 0.5, "synonyms": 2.0, "text": 1.0}
NAMED_SHARE = 0.5  # of the best BM25, for an operator that the query names, in a heading,
NAME_SHARE = 0.2  # of the best BM25, for the operators behind a way of asking,
OTHERS_SHARE = 0.4  # and for other words of the same meaning
KEYWORD_SHARE = 0.2  # of the best BM25, beside a cosine
CANDIDATES = 100  # found by words; more would only be cut off again
MOST_ROWS_SCORED = 6_000  # BM25 of so many rows takes some 6 ms

_RANKED = """
SELECT rowid, -rank FROM matched WHERE matched MATCH ? AND rank MATCH ? ORDER BY rank LIMIT ?
"""
_SHOWN = "SELECT chunk_id, path, text FROM chunks WHERE row = ?"


class EmbeddedIndex:
    """Search in one index file. May be shared by threads."""

    def __init__(self, file: Path, mode: SearchMode, encoder: Encoder | None, thesaurus: Thesaurus) -> None:
        self._connection = read_only(file)
        self._encoder = encoder if mode != "keywords" else None
        self._mode = mode
        self._thesaurus = thesaurus
        self._size = self._connection.execute("SELECT count(*) FROM chunks").fetchone()[0]
        self._vectors = _Vectors(self._connection) if self._encoder else None
        self._holders = lru_cache(maxsize=10_000)(self._rows_with)

    def search(self, query: str, limit: int) -> list[Passage]:
        """The `limit` best passages, best first, with scores over 0; any text is a query.

        By words only passages are found that hold at least one of the query's words or of what the
        thesaurus adds to them.
        """
        if limit < 1 or not query.strip():
            return []
        scores = self._scores(query, max(limit, CANDIDATES))
        best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:limit]
        return [self._passage(row, score) for row, score in best if score > 0]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _scores(self, query: str, candidates: int) -> Mapping[int, float]:
        if self._encoder is None or self._vectors is None:
            return self._by_words(query, candidates)
        cosines = self._vectors.cosines(self._encoder.encode([query])[0])
        if self._mode == "hybrid":
            words = self._by_words(query, candidates)
            most = max(words.values(), default=0.0) or 1.0
            for row, score in words.items():
                cosines[row] += KEYWORD_SHARE * score / most
        chosen = self._vectors.best(cosines, candidates)
        return {int(row): float(cosines[row]) for row in chosen}

    def _by_words(self, query: str, candidates: int) -> Mapping[int, float]:
        """BM25 by row for the query's words, and a share of it for what the thesaurus adds to them."""
        terms = question_terms(query)
        if not terms:
            return {}
        wanted = _any_of(self._telling(terms), compound_names(query))
        if self._size <= MOST_ROWS_SCORED:  # words such as "how many" tell a little, but find nothing by themselves
            wanted = f"({_any_of([*terms, *all_words(query)])}) AND ({wanted})"
        found = self._ranked(wanted, candidates)
        most = max(found.values(), default=1.0)
        named = [term for term in terms if is_operator_name(term)]
        names, others = self._thesaurus.names_for(query), self._thesaurus.others(query)
        for words, column, share in (
            (named, "heading", NAMED_SHARE),
            (names, "heading", NAME_SHARE),
            (others, "", OTHERS_SHARE),
        ):
            if words:
                expression = f"heading : ({_any_of(words)})" if column else _any_of(self._telling(words))
                likely = self._ranked(expression, candidates)
                top = max(likely.values(), default=0.0) or 1.0
                for row, score in likely.items():
                    found[row] = found.get(row, 0.0) + share * most * score / top
        return found

    def _ranked(self, expression: str, candidates: int) -> dict[int, float]:
        weights = f"bm25({', '.join(map(str, WEIGHTS.values()))})"
        return dict(self._connection.execute(_RANKED, (expression, weights, candidates)))

    def _telling(self, terms: list[str]) -> list[str]:
        """The rarest of `terms`, as many as may be scored in time: what most chunks hold tells little about any."""
        if self._size <= MOST_ROWS_SCORED:
            return terms
        chosen: list[str] = []
        rows = 0
        for held_by, term in sorted((self._holders(term), term) for term in terms):
            if chosen and held_by and rows + held_by > MOST_ROWS_SCORED:
                break
            chosen.append(term)
            rows += held_by
        return chosen

    def _rows_with(self, term: str) -> int:
        counted = self._connection.execute("SELECT count(*) FROM matched WHERE matched MATCH ?", (_any_of([term]),))
        return int(counted.fetchone()[0])

    def _passage(self, row: int, score: float) -> Passage:
        chunk_id, path, text = self._connection.execute(_SHOWN, (row,)).fetchone()
        return Passage(passage_id=chunk_id, path=path, text=text, score=score)


def default_mode() -> SearchMode:
    """What RETRIEVAL_SEARCH says, else hybrid where the packages of semantic retrieval are installed, else keywords."""
    wanted = load_settings().retrieval_search
    for mode in SEARCH_MODES:
        if mode == wanted:
            return mode
    if wanted:
        raise UserError(f"RETRIEVAL_SEARCH: '{wanted}' is no way to search; expected one of {', '.join(SEARCH_MODES)}")
    return "keywords" if semantic_packages_missing() else "hybrid"


def open_index(docs: Path, cache: Path, mode: SearchMode = "keywords") -> EmbeddedIndex:
    """The index over the Markdown files under `docs`, built in `cache` if it is missing or stale.

    Raises UserError where `docs` holds no text, the file cannot be written, or the mode needs packages
    that are not installed.
    """
    encoder = None if mode == "keywords" else open_encoder()
    file = index_file(docs, cache)
    ensure_index(chunk_folder(docs), file, encoder)
    return EmbeddedIndex(file, mode, encoder, manual_thesaurus())


class _Vectors:
    """All vectors of an index in memory: 1.5 KB each."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        import numpy as np

        vectors = [row[0] for row in connection.execute("SELECT vector FROM vectors ORDER BY row")]
        self._np = np
        self._matrix = np.frombuffer(b"".join(vectors), "<f4").reshape(len(vectors), -1)

    def cosines(self, query: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The mean cosine of each chunk's two texts, by row."""
        return self._matrix @ query

    def best(self, scores: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
        """The rows of the `count` largest scores, in no order."""
        return self._np.argpartition(scores, max(0, len(scores) - count))[-count:]


def _any_of(words: list[str], headings: list[str] | None = None) -> str:
    """Words as an FTS5 expression; quoted, so that none is read as its syntax. `headings` count in headings only."""
    expression = " OR ".join(f'"{word}"' for word in words)
    return f"{expression} OR heading : ({_any_of(headings)})" if headings else expression
