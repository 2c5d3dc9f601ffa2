"""How our texts are cut into words by SQLite's FTS5, and how words become one of its expressions."""

from __future__ import annotations

from collections.abc import Iterable

TOKENIZE = "tokenize = \"porter unicode61 tokenchars '_'\""  # by stems; names with underscores stay whole


def any_of(words: Iterable[str]) -> str:
    """Any of these words and phrases; quoted, so that none is read as FTS5's syntax."""
    return " OR ".join('"' + word.replace('"', '""') + '"' for word in words)
