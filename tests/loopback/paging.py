"""Lists in pages, as Google's APIs give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def page(
    entries: Sequence[T], query: Mapping[str, str], field: str, resource: Callable[[T], dict[str, Any]]
) -> dict[str, Any]:
    """The page that `pageSize` and `pageToken` ask for; without them, all entries."""
    start = int(query.get("pageToken") or 0)
    end = start + int(query.get("pageSize") or len(entries) or 1)
    more = {"nextPageToken": str(end)} if end < len(entries) else {}
    return {field: [resource(entry) for entry in entries[start:end]], **more}
