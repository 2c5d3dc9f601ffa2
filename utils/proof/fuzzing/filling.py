"""The tables of one instance, filled one after another, parents first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from utils.databases.profile import Column, Link, Table, Value
from utils.proof.fuzzing.cells import adds_up, filler, fresh, in_form, moved, recased, texts_in
from utils.proof.fuzzing.composing import Composer, ConditionSet
from utils.proof.fuzzing.flavours import Flavour
from utils.proof.fuzzing.references import ANY_BRANCH, ReferenceMaker, together
from utils.proof.fuzzing.wishes import Wishes

Rows = list[tuple[Value, ...]]
Columns = dict[str, list[Value]]
_LEAST_ROWS = 80
_KEY_POOL = 25  # values of a column that is a key only together with references
_MET_POOL = 8  # values of a column that is compared with another table's


class Filler:
    """One instance while it is made; `rows` by lower-case table name, in the order of the stored columns."""

    def __init__(self, wishes: Wishes, style: Flavour, rng: Random, clock: str | None, growth: int = 1) -> None:
        """`growth` multiplies the rows of tables that the query may count."""
        self._wishes = wishes
        self._style = style
        self._rng = rng
        self._clock = clock
        self._growth = growth
        self._references = ReferenceMaker(wishes, style, rng)
        self._labels: dict[str, list[str]] = {}  # for every row the branch whose conditions it meets; "" for none
        self.rows: dict[str, Rows] = {}

    def fill(self, table: Table) -> None:
        """Make the table's rows."""
        name = table.name.lower()
        links = self._wishes.links_from(table)
        linked = {column for link in links for column in link.columns}
        keyed = {column for key in table.unique for column in key}
        focus = self._wishes.focus(table)
        free = [column for column in table.columns if _is_free(table, column, focus, linked)]
        sets = self._wishes.condition_sets(table, _names(table) - {column.name for column in free}, self._clock)
        conditions = " ".join(one for conditions in sets for one in conditions.conditions)
        bound = {column.name for column in free if f'"{column.name.lower()}"' in conditions}
        count = self._row_count(links)
        columns, labels = self._chosen_rows(table, free, bound, sets, count)
        for link in links:
            labels = self._refer(link, table, columns, labels)
        for column in table.columns:
            if column.name not in columns and not column.computed:
                made = self._key_values(table, column, count) if column.name in keyed else [filler(column)] * count
                columns[column.name] = self._with_nulls(column, made)
        self._refer_within(table, links, columns)
        self._put_nulls(free, columns)
        if links:
            self._agree_within_groups(links[0], [one for one in free if one.name not in bound | keyed], columns)
        self._complete_keys(table, linked, columns)
        order = stored_columns(table)
        kept = self._unique_rows(table, columns, len(labels))
        rows = list(zip(*(columns[one] for one in order), strict=True))
        self.rows[name] = [rows[index] for index in kept]
        self._labels[name] = [labels[index] for index in kept]

    def _row_count(self, links: Sequence[Link]) -> int:
        """Children more than twice as many as the query counts at most, parents fewer."""
        wishes = self._wishes
        most = self._style.rows if wishes.most_rows < 40 else self._style.rows + wishes.most_rows
        if any(link.parent in self.rows for link in links) or len(wishes.tables) == 1:
            return self._growth * (most + 2 * max((count for count in wishes.counts if count > 20), default=0))
        return max(_LEAST_ROWS, most * 6 // 10)

    # values

    def _chosen_rows(
        self, table: Table, free: Sequence[Column], bound: set[str], sets: Sequence[ConditionSet], count: int
    ) -> tuple[Columns, list[str]]:
        """Values of the free columns, so that the query's conditions are met, missed by one, and missed; labels."""
        style = self._style
        tried = count * 2 if sets else count
        values, near = self._free_values(table, free, bound, tried)
        if not sets:
            return values, [ANY_BRANCH] * count
        names = [column.name for column in free]
        raw = list(zip(*(values[name] for name in names), strict=True))
        conditions = list(dict.fromkeys(one for chosen in sets for one in chosen.conditions))
        truth = self._wishes.scratch.truth(values, conditions)
        composer = Composer(names, raw, near, sets, truth, self._rng)
        rows = [composer.row(number, style.hits, style.near) for number in range(count)]
        composed = dict(zip(names, zip(*rows, strict=True), strict=True))
        truth = self._wishes.scratch.truth(composed, conditions)
        labels = []
        for number in range(count):
            chosen = sets[number % len(sets)]
            labels.append(chosen.branch if all(truth[one][number] for one in chosen.conditions) else "")
        order = self._rng.sample(range(count), count)
        columns = {name: [cells[index] for index in order] for name, cells in composed.items()}
        return columns, [labels[index] for index in order]

    def _free_values(
        self, table: Table, free: Sequence[Column], bound: set[str], count: int
    ) -> tuple[Columns, dict[str, set[Value]]]:
        """Rows of the original, with cells replaced by the query's constants and other values; the near ones by column.

        Of columns that are not `bound` by the query's conditions, few values may be enough.
        """
        sampled = self._rng.choices(table.rows, k=count) if table.rows else []
        values: Columns = {}
        near_by_name: dict[str, set[Value]] = {}
        for column in free:
            near = self._wishes.near(table, column, self._clock)
            near_by_name[column.name] = set(near)
            values[column.name] = self._column_values(table, column, near, column.name in bound, sampled, count)
        for left, right in self._wishes.compared(table):
            if left in values and right in values:
                self._bring_together(table.column(left), values, left, right)
        return values, near_by_name

    def _column_values(
        self,
        table: Table,
        column: Column,
        near: Sequence[Value],
        bound: bool,
        sampled: Sequence[tuple[Value, ...]],
        count: int,
    ) -> list[Value]:
        rng, style = self._rng, self._style
        keyed = any(column.name in key for key in table.unique)
        distinct = _KEY_POOL if keyed else style.distinct
        if not distinct and self._wishes.compared_elsewhere(table, column):
            distinct = _MET_POOL
        own: Sequence[Value] = column.values
        if not bound and not keyed:
            own = self._more_groups(column, own)
        if distinct:
            own = rng.sample(own, min(len(own), distinct))
            if near and not bound and rng.random() < 0.5:
                near = rng.choices(near, k=distinct + 1)
        if not own and not near:
            return [filler(column)] * count
        if style.skew == 0 and style.distinct and own and not (near or bound or keyed):
            cells = (list(own) * (count // len(own) + 1))[:count]
            return rng.sample(cells, count)
        if sampled and not distinct:
            place = table.position(column.name)
            cells = [row[place] for row in sampled]
            if own and (not column.nullable or style.nulls == 0):
                cells = [rng.choice(own) if cell is None else cell for cell in cells]
        else:
            cells = rng.choices(own or near, k=count)
        if near:
            cells = self._mixed(cells, near, style.exact)
        elif column.kind in ("integer", "real") and own:
            cells = self._mixed(cells, own, 0.3)
        if self._wishes.is_cased(table, column):
            cells = [recased(cell, rng) for cell in cells]
        if column.kind in ("integer", "real") and style.distinct != 1 and rng.random() < 0.3:
            cells = self._with_outliers(cells)
        met = self._met_elsewhere(table, column)
        cells = self._mixed(cells, met, 0.6) if met else cells
        return adds_up(cells, set(near)) if column.kind == "real" and self._is_binary(column) else cells

    def _is_binary(self, column: Column) -> bool:
        """Whether a column holds binary fractions, as SQLite's all do."""
        return self._wishes.profile.dialect == "sqlite" or not column.type.upper().startswith(("DEC", "NUM"))

    def _mixed(self, cells: list[Value], pool: Sequence[Value], share: float) -> list[Value]:
        """Cells of which a share is replaced by values of a pool."""
        others = self._rng.choices(pool, k=len(cells))
        return [new if self._rng.random() < share else old for old, new in zip(cells, others, strict=True)]

    def _more_groups(self, column: Column, own: Sequence[Value]) -> Sequence[Value]:
        """Now and then more different texts than LIMIT keeps groups."""
        limits = [limit for limit in self._wishes.facts.limits if len(own) <= limit + 1 <= 30]
        if column.kind != "text" or not own or not limits or self._rng.random() > 0.5:
            return own
        texts = texts_in(own)
        return [*own, *(fresh(column, texts, number) for number in range(1, max(limits) + 3 - len(own)))]

    def _with_outliers(self, cells: list[Value]) -> list[Value]:
        """A number in a hundred many times as large."""
        factor = self._rng.choice((10, 100, 1000))
        return [
            cell * factor if isinstance(cell, int | float) and self._rng.random() < 0.01 else cell for cell in cells
        ]

    def _met_elsewhere(self, table: Table, column: Column) -> list[Value]:
        """Values that compared columns of other tables hold already, in this column's form; some a step beside."""
        rng = self._rng
        found: list[Value] = []
        for other, name in self._wishes.compared_elsewhere(table, column):
            if other not in self.rows:
                continue
            order = [one.lower() for one in stored_columns(self._wishes.profile.tables[other])]
            place = order.index(name)
            cells = list(dict.fromkeys(row[place] for row in self.rows[other] if row[place] is not None))
            for cell in rng.sample(cells, min(len(cells), _MET_POOL)):
                near = [in_form(column, moved(cell, steps), rng) for steps in (0, 0, 0, rng.choice((-1, 1)))]
                found += [one for one in near if one is not None]
        return found

    def _bring_together(self, column: Column, values: Columns, left: str, right: str) -> None:
        """Make two compared columns equal, or one apart, in a part of the rows."""
        for index, other in enumerate(values[right]):
            if self._rng.random() < 0.3:
                near = in_form(column, moved(other, self._rng.choice((0, 0, 0, -1, 1))), self._rng)
                if near is not None:
                    values[left][index] = near

    def _put_nulls(self, free: Sequence[Column], columns: Columns) -> None:
        for column in free:
            cells = columns[column.name]
            if not column.nullable:
                columns[column.name] = [filler(column) if cell is None else cell for cell in cells]
            else:
                columns[column.name] = self._with_nulls(column, cells)

    def _with_nulls(self, column: Column, cells: list[Value]) -> list[Value]:
        """Cells with the share of nulls that this instance is to have, where there may be any."""
        share = self._style.nulls if column.nullable else 0
        return [None if self._rng.random() < share else cell for cell in cells] if share else cells

    # keys and links

    def _refer(self, link: Link, table: Table, columns: Columns, labels: list[str]) -> list[str]:
        """Fill a link's columns, and give the rows' labels, now that their parents are known."""
        if link.parent == link.child or all(name in columns for name in link.columns):
            return labels
        parents = self.rows.get(link.parent)
        if not parents:  # the parent table is not part of the query
            for name in link.columns:
                if name not in columns:
                    columns[name] = self._loose_references(table, table.column(name), len(labels))
            return labels
        places = _places(self._wishes.profile.tables[link.parent], link.parent_columns)
        keys = [tuple(row[place] for place in places) for row in parents]
        parent_labels = self._labels[link.parent]
        found, found_labels = self._references.references(link, table, keys, parent_labels, labels, columns)
        columns.update(found)
        return [together(label, parent) for label, parent in zip(labels, found_labels, strict=True)]

    def _loose_references(self, table: Table, column: Column, count: int) -> list[Value]:
        """Keys of a table that is not there: few different ones, so that groups form."""
        if (column.name,) in table.unique:
            return self._key_values(table, column, count)
        own = self._rng.sample(column.values, len(column.values))
        pool = [*self._wishes.near(table, column, self._clock), *own[: max(3, int(40 * (1.7 - self._style.skew)))]]
        return self._rng.choices(pool, k=count) if pool else [filler(column)] * count

    def _refer_within(self, table: Table, links: Sequence[Link], columns: Columns) -> None:
        """Links of a table to itself, such as an employee's manager: to any other row, and to none for some."""
        for link in links:
            if link.parent != link.child or any(name not in columns for name in link.parent_columns):
                continue
            keys = list(zip(*(columns[name] for name in link.parent_columns), strict=True))
            count = len(keys)
            chosen = self._rng.choices(keys[: self._style.parents or count], k=count)
            may_be_null = all(table.column(name).nullable for name in link.columns)
            for place, name in enumerate(link.columns):
                columns[name] = [None if may_be_null and row % 8 == 0 else key[place] for row, key in enumerate(chosen)]

    def _key_values(self, table: Table, column: Column, count: int) -> list[Value]:
        """Values of a key column: all different where it is a key alone."""
        rng = self._rng
        near = list(dict.fromkeys(self._wishes.near(table, column, self._clock)))
        if (column.name,) not in table.unique:
            pool = [*near, *column.values]
            return rng.choices(pool, k=count) if pool else [filler(column)] * count
        own = rng.sample(column.values, len(column.values))
        distinct = list(dict.fromkeys([*near, *own]))[:count]
        known, texts = set(distinct), texts_in(own)
        number = 0
        while len(distinct) < count:
            number += 1
            value = fresh(column, texts, number)
            if value not in known:
                known.add(value)
                distinct.append(value)
        return rng.sample(distinct, count)

    def _agree_within_groups(self, link: Link, free: Sequence[Column], columns: Columns) -> None:
        """Let some parents' children all hold the same value in a column."""
        rng = self._rng
        for column in free:
            if rng.random() > 0.25:
                continue
            shared: dict[tuple[Value, ...], Value] = {}
            apart: dict[tuple[Value, ...], bool] = {}
            cells = columns[column.name]
            for row, key in enumerate(zip(*(columns[one] for one in link.columns), strict=True)):
                if not apart.setdefault(key, rng.random() < 0.4):
                    cells[row] = shared.setdefault(key, cells[row])

    def _complete_keys(self, table: Table, linked: set[str], columns: Columns) -> None:
        """A column that is a key only together with references: other values for every child of one parent.

        Whole numbers count from 1, as line numbers do; other values are exchanged for another one where they repeat.
        """
        for key in table.unique:
            own = [name for name in key if name not in linked]
            if len(key) < 2 or len(own) != 1:
                continue
            column = table.column(own[0])
            cells = columns[column.name]
            groups = list(zip(*(columns[name] for name in key if name in linked), strict=True))
            if column.kind == "integer":
                seen: Counter[tuple[Value, ...]] = Counter()
                for row, group in enumerate(groups):
                    seen[group] += 1
                    cells[row] = seen[group]
                continue
            pool = list(dict.fromkeys([*cells, *column.values]))
            taken: set[tuple[Value, ...]] = set()
            for row, group in enumerate(groups):
                if (*group, cells[row]) in taken:
                    start = self._rng.randrange(len(pool))
                    others = pool[start : start + 30]
                    cells[row] = next((value for value in others if (*group, value) not in taken), cells[row])
                taken.add((*group, cells[row]))

    def _unique_rows(self, table: Table, columns: Columns, count: int) -> list[int]:
        """Which rows are left without those that repeat a key, in random order."""
        kept = list(range(count))
        stored = set(stored_columns(table))
        for key in table.unique:
            if not stored.issuperset(key):
                continue
            keys = list(zip(*(columns[name] for name in key), strict=True))
            may_be_null = table.column(key[0]).nullable
            seen: set[tuple[Value, ...]] = set()
            still = []
            for index in kept:
                cells = keys[index]
                if may_be_null if None in cells else cells not in seen:
                    seen.add(cells)
                    still.append(index)
            kept = still
        self._rng.shuffle(kept)
        return kept


def stored_columns(table: Table) -> list[str]:
    """The names of the columns that rows hold values of: all but computed ones."""
    return [column.name for column in table.columns if not column.computed]


def _names(table: Table) -> set[str]:
    return {column.name for column in table.columns}


def _places(table: Table, columns: Sequence[str]) -> list[int]:
    order = stored_columns(table)
    return [order.index(column) for column in columns]


def _is_free(table: Table, column: Column, focus: set[str], linked: set[str]) -> bool:
    """Whether a column's values may be chosen by the query's conditions: it matters, and is neither key nor link.

    A part of a key may, where links make up the rest: a price's day is free, its ticker is not.
    """
    if column.name not in focus - linked or column.computed:
        return False
    keys = [key for key in table.unique if column.name in key]
    return all(len(key) > 1 and column.kind != "integer" and set(key) - {column.name} <= linked for key in keys)
