"""Which parent each row refers to: unevenly, mostly so that conditions are met together, and in telling group sizes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from utils.databases.profile import Link, Table, Value
from utils.proof.fuzzing.cells import fresh
from utils.proof.fuzzing.flavours import Flavour
from utils.proof.fuzzing.wishes import Wishes

ANY_BRANCH = "any"  # the label of rows on which the query has no condition
_ODD_KEYS = 0.06


def together(label: str, parent: str) -> str:
    """The label of a row that refers to a parent: none when either has none, else the one that says more."""
    if not label or not parent:
        return ""
    return parent if label == ANY_BRANCH else label


class ReferenceMaker:
    """Chooses parents' keys for the rows of child tables of one instance."""

    def __init__(self, wishes: Wishes, style: Flavour, rng: Random) -> None:
        self._wishes = wishes
        self._style = style
        self._rng = rng
        self._orders: dict[str, list[int]] = {}

    def references(
        self,
        link: Link,
        table: Table,
        keys: Sequence[tuple[Value, ...]],
        parent_labels: Sequence[str],
        labels: Sequence[str],
        columns: Mapping[str, Sequence[Value]],
    ) -> tuple[dict[str, list[Value]], list[str]]:
        """Values of the link's columns that `columns` lacks, and for every row the label of its parent.

        `keys` and `parent_labels` are of the parent's rows, `labels` of the child's.
        """
        rng = self._rng
        fixed = {place: columns[name] for place, name in enumerate(link.columns) if name in columns}
        by_fixed: dict[tuple[Value, ...], list[int]] = defaultdict(list)
        for index, key in enumerate(keys if fixed else ()):
            by_fixed[tuple(key[place] for place in fixed)].append(index)
        chosen: list[tuple[Value, ...]] = []
        found_labels = []
        for row, pick in enumerate(self._spread(link, keys, parent_labels, labels)):
            if fixed:  # another link has chosen a part of this key already: keep to it where possible
                matching = by_fixed.get(tuple(cells[row] for cells in fixed.values()))
                pick = rng.choice(matching) if matching else pick
            key, draw = keys[pick], rng.random()
            if draw < _ODD_KEYS and link.null_keys.allowed:
                key = (None,) * len(key)
            elif _ODD_KEYS <= draw < 2 * _ODD_KEYS and link.unmatched_keys.allowed:
                key = tuple(fresh(table.column(name), [], 900 + row % 7) for name in link.columns)
            found_labels.append(parent_labels[pick] if key is keys[pick] else "")
            chosen.append(key)
        open_places = [(place, name) for place, name in enumerate(link.columns) if name not in columns]
        return {name: [key[place] for key in chosen] for place, name in open_places}, found_labels

    def _spread(
        self, link: Link, keys: Sequence[Any], parent_labels: Sequence[str], labels: Sequence[str]
    ) -> list[int]:
        """For every child the parent it refers to: of the same branch mostly, some parents more often than others."""
        rng, style = self._rng, self._style
        count = len(labels)
        candidates = self._in_order(link.parent, len(keys))
        if link.childless_parents.allowed:
            candidates = candidates[int(len(candidates) * style.childless) :] or candidates
        if link.single:
            return (candidates * (count // len(candidates) + 1))[:count]
        wanted = self._wishes.wanted_keys(link)
        chosen = candidates[: style.parents] if style.parents else candidates
        weights = {
            index: (10 if any(cell in wanted for cell in keys[index]) else 1) / (rank + 1) ** style.skew
            for rank, index in enumerate(chosen)
        }
        anyone = self._dealt(chosen, [weights[index] for index in chosen], count)
        picks = []
        fitting: dict[str, list[int]] = {}
        for row, label in enumerate(labels):
            if label not in fitting:
                same = _fitting(label, chosen, candidates, parent_labels)
                given = [weights.get(index, 1.0) for index in same]
                fitting[label] = self._dealt(same, given, count) if same else anyone
            chance = style.together * (0.6 if label == ANY_BRANCH else 1.0) if label else 0.0
            picks.append(fitting[label][row] if rng.random() < chance else anyone[row])
        sized = self._size_groups(picks, chosen, labels)
        if not link.childless_parents.allowed:  # everybody gets one
            without = [index for index in candidates if index not in {picks[row] for row in sized}]
            free = [row for row in range(count) if row not in sized]
            for row, index in zip(rng.sample(free, min(len(free), len(without))), without, strict=False):
                picks[row] = index
        return picks

    def _in_order(self, parent: str, count: int) -> list[int]:
        """Rows of a parent table, those with more children first; the same order for all its children, mostly."""
        order = self._orders.setdefault(parent, self._rng.sample(range(count), count))
        return list(order) if self._rng.random() < 0.7 else self._rng.sample(order, len(order))

    def _dealt(self, parents: Sequence[int], weights: Sequence[float], count: int) -> list[int]:
        """Parents drawn by weight; where no skew is wanted dealt in turn, so that many have equally many children."""
        if self._style.skew == 0 and max(weights) == min(weights):
            return (list(parents) * (count // len(parents) + 1))[:count]
        return self._rng.choices(parents, weights, k=count)

    def _size_groups(self, picks: list[int], parents: Sequence[int], labels: Sequence[str]) -> set[int]:
        """Give some parents as many children as the query counts, one less and one more; the rows of these children."""
        counts = self._wishes.counts
        if not counts or self._rng.random() < 0.3:
            return set()
        wanted = self._rng.choice(counts)
        sizes = [wanted, wanted + 1, wanted - 1, wanted + wanted // 5]
        sizes += [size for count in counts for size in (count, count + 1)]
        met = [row for row, label in enumerate(labels) if label]
        start = 0
        for size, parent in zip(sizes, parents, strict=False):
            if start + size <= len(met):
                for row in met[start : start + size]:
                    picks[row] = parent
                start += size
        return set(met[:start])


def _fitting(label: str, chosen: Sequence[int], candidates: Sequence[int], parent_labels: Sequence[str]) -> list[int]:
    """Parents that meet the conditions of a row's branch, else any conditions."""
    if not label:
        return []
    same = [index for index in chosen if parent_labels[index] in (label, ANY_BRANCH)]
    same = same or [index for index in chosen if parent_labels[index]]
    return same or [index for index in candidates if parent_labels[index]]
