"""What is counted, added up and averaged, and what the results are called."""

from __future__ import annotations

from utils.synthesis.intent import Aggregate, Call, Constant, Expression, Field, Path
from utils.synthesis.model import Collection
from utils.synthesis.sampling.columns import Columns, result_name
from utils.synthesis.sampling.conditions import PLAIN, Conditions
from utils.synthesis.sampling.lots import Lots, NothingFitsError
from utils.synthesis.words import plural_name

_FUNCTIONS = {
    "COUNT": 30, "SUM": 26, "AVG": 18, "MIN": 4, "MAX": 8, "NDISTINCT": 7, "MEDIAN": 3, "QUANTILE": 1.5, "STD": 1.2,
    "VAR": 0.6,
}  # fmt: skip
_NAMES = {
    "SUM": "total", "AVG": "average", "MIN": "lowest", "MAX": "highest", "MEDIAN": "median", "QUANTILE": "percentile",
    "STD": "spread", "VAR": "variance", "ANYTHING": "any",
}  # fmt: skip
_NEVER_NULL = ("COUNT", "SUM", "NDISTINCT")
_FEW = 5  # values, of which nobody counts the different ones
_SPREADS = ("QUANTILE", "STD", "VAR")  # asked of rows near by


class Measures:
    """Draws aggregates over a collection's rows, and unique names for results."""

    def __init__(self, columns: Columns, conditions: Conditions, lots: Lots) -> None:
        self._columns = columns
        self._conditions = conditions
        self._lots = lots

    def over(
        self, rows: Collection, path: Path = (), filtered: float = 0.2, functions: tuple[str, ...] = ()
    ) -> Aggregate:
        """An aggregate over the rows to which `path` leads; with a chance of `filtered` only of some of them."""
        where = self._conditions.some(rows, (0.0, 1.0), False, PLAIN) if self._lots.chance(filtered) else ()
        weights = {one: weight for one, weight in _FUNCTIONS.items() if not functions or one in functions}
        if len(path) > 1:
            weights = {one: weight for one, weight in weights.items() if one not in _SPREADS}
        for _ in range(6):
            function = self._lots.weighted(weights)
            try:
                value = self._value(rows, function, path)
            except NothingFitsError:
                continue
            option = self._lots.one(["0.9", "0.75", "0.25"]) if function == "QUANTILE" else ""
            return Aggregate(function, path, where, value, option)
        raise NothingFitsError

    def _value(self, rows: Collection, function: str, path: Path) -> Expression | None:
        match function:
            case "COUNT":
                return None
            case "SUM":
                return self._amount(rows)
            case "NDISTINCT":
                fields = [Field((), one) for one in rows.of_role("foreign_key", "category") if one.distinct > _FEW]
                own = {child for _parent, child in path[-1].keys} if path else set()
                return self._lots.one([one for one in fields if one.column.name not in own])
            case "MIN" | "MAX" if self._lots.chance(0.3):
                return Field((), self._lots.one(rows.of_role("date")))
            case _:
                return self._number(rows)

    def _amount(self, rows: Collection) -> Expression:
        """Something whose sum means something: an amount, or an amount less a rate of it."""
        amount = Field((), self._lots.one(rows.of_role("amount")))
        rates = [one for one in rows.of_role("measure") if one.unit == "share"]
        if amount.column.unit == "money" and rates and self._lots.chance(0.25):
            rate = Field((), self._lots.one(rates))
            return Call("MUL", (amount, Call("ADD" if "tax" in rate.column.name else "SUB", (Constant(1), rate))))
        return amount

    def _number(self, rows: Collection) -> Expression:
        dates = rows.of_role("date")
        pairs = [(a, b) for a in dates for b in dates if a is not b and str(a.low) <= str(b.low)]
        pairs = [(a, b) for a, b in pairs if str(a.high) <= str(b.high)]
        if pairs and self._lots.chance(0.15):
            first, second = self._lots.one(pairs)
            return Call("DIFFERENCE", (Field((), first), Field((), second)), "days")
        return Field((), self._lots.one(rows.of_role("amount", "measure")))


class Names:
    """Names for the columns of one result."""

    def __init__(self, columns: Columns) -> None:
        model = columns.model
        self._columns = {name for one in model.collections.values() for name in (*one.columns, *one.links, one.name)}
        self._taken: set[str] = set()

    def of(self, expression: Expression, rows: str = "rows") -> str:
        """A free name for a column; `rows` is what the rows that are aggregated are called."""
        if isinstance(expression, Field):
            return self.free(result_name(expression), own=not expression.path)
        if isinstance(expression, Aggregate):
            children = expression.path[-1].name if expression.path else rows
            if expression.function == "COUNT":
                return self.free(f"n_{children}")
            value = expression.value
            what = value.column.name.strip("_") if isinstance(value, Field) else "days" if _is_gap(value) else "net"
            if expression.function == "NDISTINCT":
                return self.free(f"n_{plural_name(what.removesuffix('_id').removesuffix('_key'))}")
            if isinstance(value, Field) and value.column.role == "date":
                return self.free(f"{'first' if expression.function == 'MIN' else 'last'}_{what}")
            word = _NAMES[expression.function]
            return self.free(f"{'combined' if what.startswith(f'{word}_') else word}_{what}")
        if isinstance(expression, Call):
            return self.free(expression.operator.lower())
        return self.free("value")

    def free(self, wish: str, own: bool = False) -> str:
        """`wish`, or with a number where it is taken; only `own` columns may be called as the graph calls them."""
        name, number = wish, 2
        while name in self._taken or (name in self._columns and not own):
            name, number = f"{wish}_{number}", number + 1
        self._taken.add(name)
        return name


def is_never_null(aggregate: Aggregate) -> bool:
    """Whether an aggregate has a value over no rows, too."""
    return aggregate.function in _NEVER_NULL


def _is_gap(value: Expression | None) -> bool:
    return isinstance(value, Call) and value.operator == "DIFFERENCE"
