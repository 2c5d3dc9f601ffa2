"""A graph's relationships with both ends resolved: a reverse takes collections and keys from its original."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Graph = dict[str, Any]


@dataclass(frozen=True)
class Relationship:
    """A step from one collection to another.

    `keys` are (parent property, child property) pairs that must be equal; empty for joins that
    are no plain equality. `kind` is PyDough's type, of the original for a reverse.
    """

    name: str
    parent: str
    child: str
    kind: str
    singular: bool
    always_matches: bool | None
    keys: tuple[tuple[str, str], ...]
    description: str


def relationships_of(graph: Graph) -> list[Relationship]:
    """All relationships of a graph that PyDough accepts, in its order."""
    resolved: dict[tuple[str, str], Relationship] = {}
    for item in graph["relationships"]:
        relationship = _reversed(item, resolved) if item["type"] == "reverse" else _forward(item)
        resolved[relationship.parent, relationship.name] = relationship
    return list(resolved.values())


def _forward(item: dict[str, Any]) -> Relationship:
    keys = tuple((parent, child) for parent, children in item.get("keys", {}).items() for child in children)
    return Relationship(
        name=item["name"],
        parent=item["parent collection"],
        child=item["child collection"],
        kind=item["type"],
        singular=item.get("singular", False),
        always_matches=item.get("always matches"),
        keys=keys,
        description=item.get("description", ""),
    )


def _reversed(item: dict[str, Any], resolved: dict[tuple[str, str], Relationship]) -> Relationship:
    original = resolved[item["original parent"], item["original property"]]
    return Relationship(
        name=item["name"],
        parent=original.child,
        child=original.parent,
        kind=original.kind,
        singular=item["singular"],
        always_matches=item.get("always matches"),
        keys=tuple((child, parent) for parent, child in original.keys),
        description=item.get("description", ""),
    )
