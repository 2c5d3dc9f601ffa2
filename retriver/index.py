"""The embedded index: SQLite's FTS5 over the chunks, and their vectors, in one file that follows the text."""

from __future__ import annotations

import os
import re
import sqlite3
import tempfile
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from filelock import FileLock

from retriver.chunks import PATH_SEPARATOR, Chunk, path_parts, without_asked
from retriver.fts import TOKENIZE
from utils.core.console import UserError
from utils.core.fingerprint import fingerprint

if TYPE_CHECKING:
    from retriver.encoder import Encoder

SCHEMA_VERSION = 4
SHORTEST_PARAGRAPH = 20  # characters; a shorter one says too little to be near anything
SECTION, PART = "section", "part"

_COMPOUND = re.compile(r"[^\W_]_[^\W_]")
_PARAGRAPH_ENDS = re.compile(r"\n{2,}|\n(?=- )")

# `matched` holds no text of its own: what is shown comes from `chunks`, by the same rowid. A vector belongs to the
# text it was made of, so that one made for an earlier state of the manual is found again.
_CREATE = f"""
CREATE TABLE about (content TEXT NOT NULL, encoder TEXT NOT NULL, complete INTEGER NOT NULL);
CREATE TABLE chunks (row INTEGER PRIMARY KEY, chunk_id TEXT NOT NULL, path TEXT NOT NULL, text TEXT NOT NULL);
CREATE VIRTUAL TABLE matched USING fts5(
    heading, above, synonyms, text, content = '', {TOKENIZE}
);
CREATE VIRTUAL TABLE asked USING fts5(phrase, row UNINDEXED, {TOKENIZE});
CREATE TABLE vectors (row INTEGER NOT NULL, kind TEXT NOT NULL, text_hash TEXT NOT NULL, vector BLOB NOT NULL);
"""


class _About(NamedTuple):
    """An index file's content hash, the model whose vectors it holds ("": none), and whether no vector is missing."""

    content: str
    encoder: str
    complete: bool


def ensure_index(chunks: list[Chunk], file: Path, encoder: Encoder | None) -> None:
    """Make `file` the index of exactly `chunks`, with vectors if there is an encoder; nothing is done twice.

    A reader sees the old or the new file, whole. Of two processes that find the same index stale one
    builds it and the other waits. Vectors of unchanged text are taken over from the file that is there.
    Raises UserError where the file cannot be written.
    """
    content = fingerprint(SCHEMA_VERSION, [chunk.model_dump() for chunk in chunks])
    if _is_index_of(file, content, encoder):
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_name(f".{file.name}.lock")):
        if not _is_index_of(file, content, encoder):
            _replace(chunks, content, file, encoder)


def index_file(docs: Path, cache: Path) -> Path:
    """Where the index over the folder `docs` lies in `cache`."""
    return cache / f"index-{fingerprint(str(docs.resolve()))[:12]}.sqlite"


def read_only(file: Path) -> sqlite3.Connection:
    """A connection to a finished index, which threads may share: the file is only ever replaced, never written to."""
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)


def _replace(chunks: list[Chunk], content: str, file: Path, encoder: Encoder | None) -> None:
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        with closing(sqlite3.connect(temporary)) as connection:
            # Nobody reads the file before it is whole, so a journal would only cost time
            connection.executescript(f"PRAGMA journal_mode = OFF; {_CREATE}")
            _write_words(connection, chunks)
            held = _write_vectors(connection, chunks, file, encoder)
            connection.execute("INSERT INTO about VALUES (?, ?, ?)", (content, held, encoder is not None))
            connection.commit()
        temporary.chmod(0o644)
        temporary.replace(file)
    except sqlite3.Error as error:
        raise UserError(
            f"{file}: cannot build the index ({error}); it needs free disk space and an SQLite with FTS5"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _write_words(connection: sqlite3.Connection, chunks: list[Chunk]) -> None:
    shown = ((row, chunk.chunk_id, chunk.path, chunk.text) for row, chunk in enumerate(chunks))
    connection.executemany("INSERT INTO chunks VALUES (?, ?, ?, ?)", shown)
    searched = (
        (row, *map(_searchable, _headings(chunk)), " ".join(chunk.asked), chunk.text)
        for row, chunk in enumerate(chunks)
    )
    connection.executemany(
        "INSERT INTO matched (rowid, heading, above, synonyms, text) VALUES (?, ?, ?, ?, ?)", searched
    )
    asked = ((phrase, row) for row, chunk in enumerate(chunks) for phrase in chunk.asked)
    connection.executemany("INSERT INTO asked VALUES (?, ?)", asked)
    connection.execute("INSERT INTO matched (matched) VALUES ('optimize')")


def _write_vectors(connection: sqlite3.Connection, chunks: list[Chunk], old: Path, encoder: Encoder | None) -> str:
    """Write the chunks' vectors, those of unchanged text from the old file; the name of the model that made them.

    Without an encoder only the old ones are there to write.
    """
    about = _about(old)
    maker = encoder.name if encoder else about.encoder if about else ""
    wanted = [(row, *each) for row, chunk in enumerate(chunks) for each in _embedded_texts(chunk)]
    text_of = {fingerprint(text): text for _row, _kind, text in wanted}
    kept = _vectors_of(old, text_of) if about and about.encoder == maker else {}
    missing = [text_hash for text_hash in text_of if text_hash not in kept]
    if encoder and missing:
        encoded = encoder.encode([text_of[text_hash] for text_hash in missing])
        made = zip(missing, encoded, strict=True)
        kept |= {text_hash: vector.astype("<f4").tobytes() for text_hash, vector in made}
    hashed = ((row, kind, fingerprint(text)) for row, kind, text in wanted)
    rows = ((row, kind, text_hash, kept[text_hash]) for row, kind, text_hash in hashed if text_hash in kept)
    connection.executemany("INSERT INTO vectors VALUES (?, ?, ?, ?)", rows)
    return maker


def _embedded_texts(chunk: Chunk) -> Iterator[tuple[str, str]]:
    """The kind of each vector of a chunk, and the text it is made of.

    SECTION: its headings and its text, of which the model reads about a thousand characters. PART: each
    paragraph under the chunk's heading, code apart, and each other way of asking.
    """
    _file_name, *headings = path_parts(chunk.path)
    yield SECTION, "\n".join([*headings, chunk.text])
    for paragraph in _PARAGRAPH_ENDS.split(without_asked(chunk.text)):
        if len(paragraph) >= SHORTEST_PARAGRAPH and not paragraph.startswith("```"):
            yield PART, f"{chunk.heading}\n{paragraph}"
    for phrase in chunk.asked:
        yield PART, phrase


def _vectors_of(file: Path, wanted: Collection[str]) -> dict[str, bytes]:
    """Those of the `wanted` vectors, by the hash of their text, that an index file holds."""
    with closing(read_only(file)) as connection:
        held = connection.execute("SELECT text_hash, vector FROM vectors")
        return {text_hash: vector for text_hash, vector in held if text_hash in wanted}


def _headings(chunk: Chunk) -> tuple[str, str]:
    """A chunk's own heading, and the file and headings above it."""
    *above, own = path_parts(chunk.path)
    return own, PATH_SEPARATOR.join(above)


def _searchable(heading: str) -> str:
    """A heading as it is searched: the words of range_collection are findable alone, too."""
    parts = [word.replace("_", " ") for word in re.findall(r"\w+", heading) if _COMPOUND.search(word)]
    return " ".join([heading, *parts])


def _is_index_of(file: Path, content: str, encoder: Encoder | None) -> bool:
    about = _about(file)
    if about is None or about.content != content:
        return False
    return encoder is None or (about.complete and about.encoder == encoder.name)


def _about(file: Path) -> _About | None:
    """What an index file says of itself; None if there is none to read."""
    if not file.is_file():
        return None
    try:
        with closing(read_only(file)) as connection:
            if not _is_whole(connection, file):
                return None
            content, encoder, complete = connection.execute("SELECT content, encoder, complete FROM about").fetchone()
    except (sqlite3.Error, TypeError):
        return None  # damaged, of another layout, or not an index: it is built anew
    return _About(str(content), str(encoder), bool(complete))


def _is_whole(connection: sqlite3.Connection, file: Path) -> bool:
    """Whether no page of an index file is missing or damaged; a millisecond for a megabyte."""
    (pages,), (page_size,) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    if file.stat().st_size != pages * page_size:
        return False
    return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
