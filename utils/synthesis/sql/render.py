"""An intent as SQL: its steps as SELECTs, each in a WITH query where the next step cannot stand in the same one."""

from __future__ import annotations

from utils.databases.connect import Dialect
from utils.synthesis.intent import Aggregate, Expression, Field, Intent, Result, Window, named, walk
from utils.synthesis.model import Model
from utils.synthesis.sql.aggregates import Grouped
from utils.synthesis.sql.calls import Scope
from utils.synthesis.sql.groups import by_keys, groups_of
from utils.synthesis.sql.kinds import Definitions, outermost, resolved
from utils.synthesis.sql.rows import source_rows
from utils.synthesis.sql.statement import Statement
from utils.synthesis.sql.terms import Names, Select, Term, called

_WINDOWS = {
    "PERCENTILE": "NTILE({option})",
    "PREV": "LAG({value}{steps})",
    "NEXT": "LEAD({value}{steps})",
    "RELSUM": "SUM({value})",
    "RELAVG": "AVG({value})",
    "RELCOUNT": "COUNT({value})",
    "RELSIZE": "COUNT(*)",
}
_RANKINGS = {"": "ROW_NUMBER()", "ties": "RANK()", "dense": "DENSE_RANK()"}
_OVER_ALL = ("RELSUM", "RELAVG", "RELCOUNT", "RELSIZE")


def render_sql(intent: Intent, model: Model, dialect: Dialect) -> str:
    """One SELECT that answers an intent, written from the tree alone, laid out to be read by people.

    Its outermost SELECT has the ORDER BY and LIMIT. Raises ValueError for a tree that has no meaning, or a text
    function that SQLite cannot be made to do.
    """
    return _Rendering(intent, Statement(intent, model, dialect)).text()


class Results(Scope):
    """The result so far, as the SELECT at hand has it: `terms` by name, `parent` what tells the rows' parents apart."""

    def __init__(
        self, statement: Statement, select: Select, definitions: Definitions, terms: dict[str, Term], parent: list[Term]
    ) -> None:
        super().__init__(statement.engine, definitions)
        self.select = select
        self.terms = terms
        self.parent = parent

    def reference(self, node: Expression) -> Term:
        """A result by its name, or a window over all of them."""
        if isinstance(node, Result) and node.name in self.terms:
            return self.terms[node.name]
        if isinstance(node, Window):
            return self._window(node)
        raise ValueError(f"has no meaning for a row of the result: {node}")

    def _window(self, node: Window) -> Term:
        per = [term for name in node.per for term in (self.parent if name == "parent" else [self.terms[name]])]
        frame = ""
        if node.function in _OVER_ALL and node.option:
            before = "UNBOUNDED" if node.option == "running" else str(int(node.option) - 1)
            frame = f"ROWS BETWEEN {before} PRECEDING AND CURRENT ROW"
        order = ", ".join(self.sort_key(one, descending) for one, descending in node.by)
        parts = [
            f"PARTITION BY {', '.join(term.text for term in per)}" if per else "",
            f"ORDER BY {order}" if order and (frame or node.function not in _OVER_ALL) else "",
            frame,
        ]
        value = self.term(node.value) if node.value is not None else ""
        function = _RANKINGS[node.option] if node.function == "RANKING" else _WINDOWS[node.function]
        steps = f", {node.option}" if node.option not in ("", "1") else ""
        call = function.format(value=value, option=node.option, steps=steps)
        return Term(f"{call} OVER ({' '.join(part for part in parts if part)})")


class _Rendering:
    """One intent on its way through the steps that its docstring names."""

    def __init__(self, intent: Intent, statement: Statement) -> None:
        self._intent = intent
        self._statement = statement
        self._definitions: dict[str, Expression] = named(intent)
        self._used = _result_names((intent.windows, intent.kept)) | {
            *intent.output,
            *(name for name, _ in intent.order),
        }
        self._used |= {source for _, _, source in intent.summary}

    def text(self) -> str:
        """The statement."""
        stage = self._rows() if self._intent.level == "rows" else self._groups()
        stage = self._summarized(self._kept(self._windowed(stage)))
        select = stage.select
        select.columns = [(stage.terms[name], self._statement.name(name)) for name in self._intent.output]
        for name, descending in self._intent.order:
            shown = self._statement.name(name)
            renamed = name in self._intent.output and not called(stage.terms[name], shown)
            select.order.append(stage.sort_key(Result(name), descending, shown if renamed else ""))
        select.limit = self._intent.limit
        return self._statement.text(select)

    # 1 to 3: rows, groups, and those of them that are kept

    def _rows(self) -> Results:
        columns, having = self._resolved()
        row, parent = source_rows(self._statement, self._intent, having)
        terms = {name: row.term(node) for name, node in columns.items()}
        return Results(self._statement, row.select, self._definitions, terms, [term for _, term in parent])

    def _groups(self) -> Results:
        keys = [(name, resolved(node, self._definitions)) for name, node in self._intent.keys]
        columns, having = self._resolved()
        aggregates: dict[Aggregate, str] = {}
        for name, node in [*columns.items(), *(("", one) for one in having)]:
            for part in outermost([node]):
                if isinstance(part, Aggregate):
                    aggregates[part] = aggregates.get(part) or (name if part is node else "")
        groups = groups_of(self._statement, self._intent, keys, aggregates)
        conditions = groups.select.having if isinstance(groups, Grouped) else groups.select.where
        conditions += [groups.term(one) for one in having]
        terms = {name: groups.term(node) for name, node in [*keys, *columns.items()] if name in self._used}
        return Results(self._statement, groups.select, self._definitions, terms, [])

    def _resolved(self) -> tuple[dict[str, Expression], list[Expression]]:
        """The columns that are used and the conditions on them, without references from one to the other."""
        intent = self._intent
        columns = {name: resolved(node, self._definitions) for name, node in intent.columns if name in self._used}
        return columns, [resolved(one, self._definitions) for one in intent.having]

    # 4 and 5: windows, summary

    def _windowed(self, stage: Results) -> Results:
        windows = [(name, node) for name, node in self._intent.windows if name in self._used]
        seen = [self._definitions[name] for name in _result_names(windows) - {name for name, _ in windows}]
        if windows and (self._intent.level != "rows" or not all(isinstance(one, Field) for one in seen)):
            stage = self._next(stage, self._listed_name())
        added: set[str] = set()
        for name, node in windows:
            if added & _result_names(node):
                stage, added = self._next(stage, self._ranked_name()), set()
            stage.terms[name] = stage.term(node)
            added.add(name)
        return stage

    def _kept(self, stage: Results) -> Results:
        if not self._intent.kept:
            return stage
        if self._intent.windows or self._intent.level != "rows":
            stage = self._next(stage, self._ranked_name())
        stage.select.where += [stage.term(one) for one in self._intent.kept]
        return stage

    def _summarized(self, stage: Results) -> Results:
        intent = self._intent
        if not intent.summary:
            return stage
        if not intent.kept:
            stage = self._next(stage, self._ranked_name() if intent.windows else self._listed_name())
        parts = {
            name: Aggregate(function, value=Result(source) if source else None)
            for name, function, source in intent.summary
        }
        grouped = Grouped(self._statement, stage, stage.select, [], list(parts.values()), intent.source.name)
        terms = {name: grouped.term(one) for name, one in parts.items()}
        return Results(self._statement, grouped.select, {**self._definitions, **parts}, terms, [])

    def _next(self, stage: Results, wanted: str) -> Results:
        """The next SELECT, which reads what a stage gives."""
        statement, select = self._statement, stage.select
        names = {name: statement.name(name) for name in stage.terms}
        select.columns = [(stage.terms[name], column) for name, column in names.items()]
        parents: list[Term] = []
        if any("parent" in node.per for node in walk(self._intent.windows) if isinstance(node, Window)):
            taken = Names(set(self._definitions))
            hidden = [taken.unique("parent_key") for _ in stage.parent]
            select.columns += zip(stage.parent, hidden, strict=True)
            parents = [Term(name) for name in hidden]
        query = statement.with_query(wanted, select)
        terms = {name: Term(column) for name, column in names.items()}
        return Results(statement, Select(query), self._definitions, terms, parents)

    def _listed_name(self) -> str:
        name = self._intent.source.name
        return f"listed_{name}" if self._intent.level == "rows" else by_keys(name, self._intent.keys)

    def _ranked_name(self) -> str:
        ranks = any(
            node.function in ("RANKING", "PERCENTILE")
            for node in walk(self._intent.windows)
            if isinstance(node, Window)
        )
        return f"{'ranked' if ranks else 'compared'}_{self._intent.source.name}"


def _result_names(nodes: object) -> set[str]:
    """The names of results that expressions refer to."""
    found = {node.name for node in walk(nodes) if isinstance(node, Result)}
    return found | {name for node in walk(nodes) if isinstance(node, Window) for name in node.per if name != "parent"}
