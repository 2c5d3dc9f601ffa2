"""Metadata graphs for tests, without what is the same in all of them."""

from __future__ import annotations

from typing import Any


def collection(name: str, path: str, key: str | list[str], properties: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """A table as a graph describes it; `properties` are (column, type) by name, `key` is what is unique."""
    return {
        "name": name,
        "type": "simple table",
        "table path": path,
        "unique properties": [key],
        "properties": [
            {"name": one, "type": "table column", "column name": column, "data type": data_type}
            for one, (column, data_type) in properties.items()
        ],
    }


def join(name: str, parent: str, child: str, keys: dict[str, list[str]], singular: bool, **more: Any) -> dict[str, Any]:
    """A relationship of equal columns."""
    return {
        "type": "simple join",
        "name": name,
        "parent collection": parent,
        "child collection": child,
        "singular": singular,
        "keys": keys,
        **more,
    }
