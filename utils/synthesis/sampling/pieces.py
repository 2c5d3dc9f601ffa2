"""What the families share: sources, conditions, keys, measures, orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from utils.synthesis.intent import (
    Aggregate,
    Call,
    Constant,
    Expression,
    Field,
    Intent,
    Named,
    Path,
    Result,
    walk,
)
from utils.synthesis.model import Collection
from utils.synthesis.sampling.columns import Columns, is_sure
from utils.synthesis.sampling.conditions import PLAIN, Conditions, counted, rounded
from utils.synthesis.sampling.lots import Lots, NothingFitsError
from utils.synthesis.sampling.measures import Measures, Names

_NAMES_OF_DAYS = "DAYNAME", "MONTHNAME"
_FEW = 3  # groups, fewer of which nobody compares
_LONG = 1_000  # rows of a collection of which a list is cut
_LIMITS = {1: 2.0, 3: 2.0, 5: 4.0, 10: 3.0}


class Pieces:
    """Draws the pieces that intents are put together from."""

    def __init__(self, columns: Columns, conditions: Conditions, measures: Measures, lots: Lots) -> None:
        self._columns = columns
        self._conditions = conditions
        self._measures = measures
        self._lots = lots

    def _source(self, *needs: str, rows: int) -> Collection:
        return self._lots.weighted(self._columns.sources(*needs, rows=rows))  # type: ignore[arg-type]

    def _parent(self, depth: int = 2) -> tuple[Collection, Path]:
        """A collection that others refer to, and a path to them."""
        choices: dict[Path, float] = {}
        for one in self._columns.model.collections.values():
            if one.rows >= 3 and one.of_role("name", "identifier"):
                for path in self._columns.plural_paths(one, depth):
                    choices[path] = 6.0 if len(path) == 1 else 1.0
        path = self._lots.weighted(choices)
        return self._columns.model.collections[path[0].parent], path

    def _identified(self, source: Collection, names: Names) -> list[Named]:
        return [(names.of(one), one) for one in self._columns.identity(source)]

    def _where(
        self,
        source: Collection,
        weights: tuple[float, ...],
        children: bool = True,
        needed: bool = True,
        kinds: tuple[str, ...] = PLAIN,
    ) -> tuple[Expression, ...]:
        """Conditions on rows that are listed (`needed`: at least one), or, of some kinds, on rows that are added up."""
        kinds = () if needed else kinds
        where = self._conditions.some(source, weights, children, kinds)
        return where if where or not needed else self._conditions.some(source, (0.0, 1.0), children)

    def _rows(self, source: Collection, where: tuple[Expression, ...], columns: list[Named]) -> Intent:
        output = tuple(name for name, _ in columns)
        return Intent("", source, "rows", output, where, columns=tuple(columns))

    def _grouped(
        self, source: Collection, where: tuple[Expression, ...], keys: list[Named], columns: list[Named]
    ) -> Intent:
        output = tuple(name for name, _ in (*keys, *columns))
        return Intent("", source, "groups", output, where, tuple(keys), tuple(columns))

    def _measured(self, source: Collection, names: Names, count: int) -> list[Named]:
        drawn = [self._measures.over(source, filtered=0.0) for _ in range(count)]
        columns: list[Named] = []
        for one in sorted(dict.fromkeys(drawn), key=lambda one: one.function != "COUNT"):
            name = names.of(one, source.name)
            rounds = count == 1 and one.function in ("AVG", "STD", "VAR") and self._lots.chance(0.5)
            of_share = isinstance(one.value, Field) and one.value.column.unit == "share"
            columns.append((name, Call("ROUND", (one, Constant(4 if of_share else 2))) if rounds else one))
        return columns

    def _keys(
        self,
        source: Collection,
        names: Names,
        count: int,
        without: Field | None = None,
        periods: float = 0.3,
        fewest: int = _FEW,
        ranked: bool = False,
    ) -> list[Named]:
        """Columns of at least `fewest` values to group by: categories, what the rows refer to, periods.

        Of groups that are `ranked` ties are broken by the key, so that it is no name of a day or month.
        """
        keys: list[Named] = []
        taken = {without.column} if without else set()
        for _ in range(8 * count):
            if len(keys) == count:
                return keys
            expression = self._key(source, periods, fewest)
            column = next(one.column for one in fields_of(expression))
            if ranked and isinstance(expression, Call) and expression.operator in _NAMES_OF_DAYS:
                continue
            if column in taken or any(is_date(expression) and is_date(other) for _name, other in keys):
                continue
            taken.add(column)
            keys.append(
                (
                    names.of(expression) if isinstance(expression, Field) else names.free(_key_name(expression)),
                    expression,
                )
            )
        raise NothingFitsError

    def _key(self, source: Collection, periods: float, fewest: int) -> Field | Call:
        if self._lots.chance(periods):
            dates = [one for one in self._columns.fields(source, "date") if is_sure(one)]
            if dates:
                field = self._columns.nearest(dates)
                units = {"START month": 3.0, "START quarter": 1.0, "MONTH": 1.0, "DAYNAME": 1.5, "QUARTER": 0.7}
                units |= {"MONTHNAME": 0.4, "DAYOFWEEK": 0.3, "DAY": 0.3}
                if str(field.column.low)[:4] != str(field.column.high)[:4]:
                    units["YEAR"] = 4.0
                if field.column.time:
                    units["HOUR"] = 0.7
                operator, _, option = self._lots.weighted(units).partition(" ")
                return Call(operator, (field,), option)
        fields = [one for one in self._columns.fields(source, "category", "flag", depth=2) if is_sure(one)]
        labels = [one for one in self._columns.fields(source, "name", depth=2) if one.path and is_sure(one)]
        fields += [one for one in labels if one.column.unique]
        return self._columns.nearest([one for one in fields if one.column.distinct >= fewest])

    def _above(self, name: str, measure: Aggregate, path: Path = ()) -> Call:
        """A condition on a measure of a group or a parent."""
        if measure.function in ("COUNT", "NDISTINCT"):
            number: int | float = counted((path[0].fanout if path else 10) * self._lots.one([0.5, 1.0, 1.5]))
        else:
            assert isinstance(measure.value, Field | Call)
            column = next(one.column for one in fields_of(measure.value))
            number = rounded(column, column.quantiles[-1] * self._lots.one([2, 5, 10]))
        return Call(self._lots.one(["GT", "GE", "GE", "LT"]), (Result(name), Constant(number)))

    def _ordered(
        self,
        intent: Intent,
        by: Sequence[Named],
        limit: float,
        always: bool = False,
        ascends: float = 0.2,
        cuts: bool = True,
    ) -> Intent:
        """The intent with an order, sometimes; where it is cut, by one of `by` and then by what tells rows apart."""
        if any(isinstance(one, Call) and one.operator in _NAMES_OF_DAYS for _name, one in intent.keys):
            return intent  # names of days and months have an order of their own
        ties = self._ties(intent)
        whole = intent.level == "rows" and not intent.having and not intent.kept
        if cuts and whole and self._is_long(intent.source):
            by = by or [(ties[0], Result(ties[0]))]
            limit = max(limit, 0.7 if intent.source.rows > 3 * _LONG else 0.3)
        if by and self._lots.chance(limit):
            name = self._lots.one(by)[0]
            descending = name not in ties and not self._lots.chance(ascends)
            order = ((name, descending), *((one, False) for one in ties if one != name))
            limits = {number: weight for number, weight in _LIMITS.items() if number > 1 or name not in ties}
            return replace(intent, order=order, limit=self._lots.weighted(limits))
        if not (always or self._lots.chance(0.6)):
            return intent
        if by and self._lots.chance(0.6):
            name = self._lots.one(by)[0]
            return replace(intent, order=((name, name not in ties), *((one, False) for one in ties if one != name)))
        return replace(intent, order=tuple((one, False) for one in ties))

    def _is_long(self, source: Collection) -> bool:
        """Whether a list of all rows is longer than anybody reads."""
        return source.rows > _LONG

    def _ties(self, intent: Intent) -> list[str]:
        """The names of columns that no two rows of the result share."""
        if intent.level == "groups":
            return [name for name, _ in intent.keys]
        unique = self._columns.unique(intent.source)
        known = {expression: name for name, expression in intent.columns}
        if not all(one in known for one in unique):
            raise NothingFitsError
        return [known[one] for one in unique]


def fields_of(expression: Expression | tuple[Expression, ...]) -> list[Field]:
    """All fields within an expression or several."""
    return [one for one in walk(expression) if isinstance(one, Field)]


def is_date(expression: Expression) -> bool:
    """Whether an expression is read off a date."""
    return any(one.column.kind == "date" for one in fields_of(expression))


def _key_name(call: Call) -> str:
    names = {"START": call.option, "DAYNAME": "weekday", "DAYOFWEEK": "weekday", "MONTHNAME": "month_name"}
    return names.get(call.operator, call.operator.lower())
