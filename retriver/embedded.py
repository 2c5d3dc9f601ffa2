"""Search in an embedded index: by words (BM25), by meaning (cosine of sentence vectors), or by both."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from retriver.chunks import chunk_folder, without_asked
from retriver.encoder import DIMENSION, open_encoder, semantic_packages_missing
from retriver.index import PART, SECTION, ensure_index, index_file, read_only
from retriver.keywords import KeywordSearch
from retriver.synonyms import Thesaurus, manual_thesaurus
from utils.core.console import UserError
from utils.core.records import Passage
from utils.core.settings import load_settings

if TYPE_CHECKING:
    import numpy as np

    from retriver.encoder import Encoder

SearchMode = Literal["keywords", "semantic", "hybrid"]
SEARCH_MODES: tuple[SearchMode, ...] = get_args(SearchMode)

KEYWORD_SHARE = 0.7  # of the best score by words, beside a cosine
CANDIDATES = 100  # found by words; more would only be cut off again

_SHOWN = "SELECT chunk_id, path, text FROM chunks WHERE row = ?"


class EmbeddedIndex:
    """Search in one index file. May be shared by threads."""

    def __init__(self, file: Path, mode: SearchMode, encoder: Encoder | None, thesaurus: Thesaurus) -> None:
        self._connection = read_only(file)
        self._encoder = encoder if mode != "keywords" else None
        self._mode = mode
        self._keywords = KeywordSearch(self._connection, thesaurus)
        self._vectors = _Vectors(self._connection) if self._encoder else None

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
            return self._keywords.scores(query, candidates)
        cosines = self._vectors.cosines(self._encoder.encode([query])[0])
        if self._mode == "hybrid":
            words = self._keywords.scores(query, candidates)
            most = max(words.values(), default=0.0) or 1.0
            for row, score in words.items():
                cosines[row] += KEYWORD_SHARE * score / most
        chosen = self._vectors.best(cosines, candidates)
        return {int(row): float(cosines[row]) for row in chosen}

    def _passage(self, row: int, score: float) -> Passage:
        chunk_id, path, text = self._connection.execute(_SHOWN, (row,)).fetchone()
        return Passage(passage_id=chunk_id, path=path, text=without_asked(text), score=score)


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
    chunks, file = chunk_folder(docs), index_file(docs, cache)
    ensure_index(chunks, file, encoder)
    return EmbeddedIndex(file, mode, encoder, manual_thesaurus())


class _Vectors:
    """All vectors of an index in memory: 1.5 KB each."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        import numpy as np

        self._np = np
        _rows, self._sections = self._read(connection, SECTION)
        self._part_rows, self._parts = self._read(connection, PART)

    def cosines(self, query: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The cosine of each chunk, by row, plus that of its part which is nearest."""
        sections = self._sections @ query
        nearest = sections.copy()
        self._np.maximum.at(nearest, self._part_rows, self._parts @ query)
        return sections + nearest

    def best(self, scores: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
        """The rows of the `count` largest scores, in no order."""
        return self._np.argpartition(scores, max(0, len(scores) - count))[-count:]

    def _read(self, connection: sqlite3.Connection, kind: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        found = connection.execute("SELECT row, vector FROM vectors WHERE kind = ? ORDER BY row", (kind,)).fetchall()
        rows = self._np.array([row for row, _vector in found], self._np.int64)
        joined = b"".join(vector for _row, vector in found)
        return rows, self._np.frombuffer(joined, "<f4").reshape(len(found), DIMENSION)
