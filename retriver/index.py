"""The embedded index: SQLite's FTS5 over the chunks, in one file that is built again when the text changes."""

from __future__ import annotations

import os
import re
import sqlite3
import tempfile
from pathlib import Path

from retriver.chunks import Chunk, chunk_folder
from retriver.terms import compound_names, question_terms
from utils.core.console import UserError
from utils.core.fingerprint import fingerprint
from utils.core.records import Passage

SCHEMA_VERSION = 1
HEADING_WEIGHT = 4.0
TEXT_WEIGHT = 1.0

_CREATE = """
CREATE TABLE about (content TEXT NOT NULL);
CREATE VIRTUAL TABLE passages USING fts5(
    headings, text, chunk_id UNINDEXED, path UNINDEXED, tokenize = "porter unicode61 tokenchars '_'"
);
"""
_SEARCH = """
SELECT chunk_id, path, text, -bm25(passages, ?, ?) AS score
FROM passages WHERE passages MATCH ? ORDER BY score DESC, rowid LIMIT ?
"""


class EmbeddedIndex:
    """Search in one index file, by BM25 with headings weighing four times the text.

    May be shared by threads.
    """

    def __init__(self, file: Path) -> None:
        # The file is only ever replaced, never written to, so no locks are needed. SQLite itself
        # serializes the use of a connection by several threads.
        self._connection = sqlite3.connect(_address(file), uri=True, check_same_thread=False)

    def search(self, query: str, limit: int) -> list[Passage]:
        """The `limit` best passages that hold at least one word of `query`, best first; any text is a query."""
        terms = question_terms(query)
        if not terms or limit < 1:
            return []
        any_of = _any_of(terms)
        if names := compound_names(query):
            any_of += f" OR headings : ({_any_of(names)})"
        rows = self._connection.execute(_SEARCH, (HEADING_WEIGHT, TEXT_WEIGHT, any_of, limit))
        return [Passage(passage_id=row[0], path=row[1], text=row[2], score=row[3]) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def open_index(docs: Path, cache: Path) -> EmbeddedIndex:
    """The index over the Markdown files under `docs`, built in `cache` if it is missing or stale.

    Raises UserError where `docs` holds no text or the file cannot be written.
    """
    chunks = chunk_folder(docs)
    content = fingerprint(SCHEMA_VERSION, [chunk.model_dump() for chunk in chunks])
    file = index_file(docs, cache)
    if _content(file) != content:
        build_index(chunks, content, file)
    return EmbeddedIndex(file)


def index_file(docs: Path, cache: Path) -> Path:
    """Where the index over `docs` lies in `cache`."""
    return cache / f"index-{fingerprint(str(docs.resolve()))[:12]}.sqlite"


def build_index(chunks: list[Chunk], content: str, file: Path) -> None:
    """Write an index of `chunks`, marked with the hash `content`; a reader sees the old or the new one, whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        _write(chunks, content, temporary)
        temporary.chmod(0o644)
        temporary.replace(file)
    except sqlite3.Error as error:
        raise UserError(
            f"{file}: cannot build the index ({error}); it needs free disk space and an SQLite with FTS5"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _write(chunks: list[Chunk], content: str, file: Path) -> None:
    connection = sqlite3.connect(file)
    try:
        # Nobody reads the file before it is whole, so a journal would only cost time
        connection.executescript(f"PRAGMA journal_mode = OFF; {_CREATE}")
        rows = [(_headings(chunk.path), chunk.text, chunk.chunk_id, chunk.path) for chunk in chunks]
        connection.executemany("INSERT INTO passages VALUES (?, ?, ?, ?)", rows)
        connection.execute("INSERT INTO passages(passages) VALUES ('optimize')")
        connection.execute("INSERT INTO about VALUES (?)", (content,))
        connection.commit()
    finally:
        connection.close()


def _any_of(words: list[str]) -> str:
    """Words as an FTS5 expression; quoted, so that none is read as its syntax."""
    return " OR ".join(f'"{word}"' for word in words)


def _headings(path: str) -> str:
    """A path as it is searched: the words of range_collection are findable alone, too."""
    parts = [word.replace("_", " ") for word in re.findall(r"\w*[^\W_]_[^\W_]\w*", path)]
    return " ".join([path, *parts])


def _content(file: Path) -> str | None:
    """The content hash an index file was built for; None if there is none to read."""
    if not file.is_file():
        return None
    try:
        connection = sqlite3.connect(_address(file), uri=True)
        try:
            return str(connection.execute("SELECT content FROM about").fetchone()[0])
        finally:
            connection.close()
    except (sqlite3.Error, TypeError):
        return None  # cut off or not an index: it is built anew


def _address(file: Path) -> str:
    return f"{file.resolve().as_uri()}?mode=ro&immutable=1"
