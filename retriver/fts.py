"""How our texts are cut into words by SQLite's FTS5, and how words become one of its expressions."""

from __future__ import annotations

from collections.abc import Iterable

TOKENIZE = "tokenize = \"porter unicode61 tokenchars '_'\""  # by stems; names with underscores stay whole


def any_of(words: Iterable[str]) -> str:
    """Any of these words and phrases; quoted, so that none is read as FTS5's syntax."""
    return " OR ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    # SQLite takes no lone surrogates, and FTS5 reads no further than to a null character
    sendable = word.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")
    return '"{}"'.format(sendable.replace('"', '""'))
