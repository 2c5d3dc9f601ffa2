"""Names of tables and columns as SQL writes them."""

from __future__ import annotations


def quoted(name: str) -> str:
    """A name as SQL writes one that may hold anything."""
    return '"' + name.replace('"', '""') + '"'
