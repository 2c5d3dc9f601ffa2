"""Rows that break a link's rules, taken away until every rule holds."""

from __future__ import annotations

from collections.abc import Iterable

from utils.databases.profile import DatabaseProfile, Link
from utils.proof.fuzzing.filling import Rows, stored_columns


def remove_invalid(rows: dict[str, Rows], profile: DatabaseProfile, links: Iterable[Link]) -> None:
    """Delete rows in place: keys without a parent, and parents without children, where there may be none.

    Only links between tables that are both in `rows` are looked at.
    """
    checks = [link for link in links if link.child in rows and link.parent in rows]
    changed = True
    while changed:
        changed = False
        for link in checks:
            order, parent_order = (stored_columns(profile.tables[name]) for name in (link.child, link.parent))
            child_at = [order.index(name) for name in link.columns]
            parent_at = [parent_order.index(name) for name in link.parent_columns]
            if not link.unmatched_keys.allowed:
                known = {tuple(row[place] for place in parent_at) for row in rows[link.parent]}
                kept = [
                    row
                    for row in rows[link.child]
                    if None in (key := tuple(row[place] for place in child_at)) or key in known
                ]
                changed |= len(kept) < len(rows[link.child])
                rows[link.child] = kept
            if not link.childless_parents.allowed:
                used = {tuple(row[place] for place in child_at) for row in rows[link.child]}
                kept = [row for row in rows[link.parent] if tuple(row[place] for place in parent_at) in used]
                changed |= len(kept) < len(rows[link.parent])
                rows[link.parent] = kept
