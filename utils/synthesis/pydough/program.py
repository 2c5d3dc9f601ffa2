"""The intent as PyDough, in more than one style: chained or in named steps."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from utils.synthesis.intent import Aggregate, Field, Intent, Named, Result, Window, walk
from utils.synthesis.model import Link, Model
from utils.synthesis.pydough.expressions import Expressions
from utils.synthesis.pydough.layout import Step
from utils.synthesis.pydough.styles import in_two_steps, overall_average, parents_column, parents_link

_FROM_PARENTS = 0.5
_CROSSED = 0.4


def render_pydough(intent: Intent, model: Model, dice: random.Random) -> str:
    """A program that assigns the intent's answer to `result`; `dice` chooses among styles that mean the same."""
    return _Writer(intent, model, dice).program()


class _Writer(Expressions):
    """Writes one program."""

    def program(self) -> str:
        """The whole program."""
        intent = self._intent
        head, steps = self._source()
        if intent.level == "whole":
            self._whole(head, steps)
            return "\n".join(self._lines)
        if intent.level == "groups":
            link = parents_link(intent, self._model)
            from_parents = link is not None and self._dice.random() < _FROM_PARENTS
            head, steps = self._of_parents(link) if link and from_parents else self._groups(head, steps)
        elif (average := overall_average(intent)) and self._dice.random() < _CROSSED:
            head, steps = self._crossed(average, head, steps)
        else:
            head, steps = self._each_row(head, steps)
        self._after(head, steps)
        return "\n".join(self._lines)

    # steps of the program

    def _source(self) -> tuple[str, list[Step]]:
        intent = self._intent
        head, steps = intent.source.name, []
        if intent.via is not None:
            head, self._rows, self._per = intent.via.parent, intent.via.name, intent.via.parent
            steps.append(Step(intent.via.name))
        if intent.where:
            steps.append(Step("WHERE", (self._all_of(intent.where),)))
        return head, steps

    def _whole(self, head: str, steps: list[Step]) -> None:
        intent = self._intent
        rows = self._name(f"selected_{intent.source.name}", head, steps) if steps else head
        self._rows, self._grouped = rows, True
        columns = [(name, self._text(expression)) for name, expression in intent.columns]
        self._grouped = False
        self._assign("result", self._model.graph, [_calculate(columns)])

    def _each_row(self, head: str, steps: list[Step]) -> tuple[str, list[Step]]:
        first, later = in_two_steps(self._intent.columns)
        columns = [(name, self._text(expression)) for name, expression in first]
        if self._named_steps and steps and self._intent.where:
            head, steps = self._name(f"selected_{self._intent.source.name}", head, steps), []
        return head, [*steps, *self._calculated(columns, later)]

    def _crossed(self, average: Aggregate, head: str, steps: list[Step]) -> tuple[str, list[Step]]:
        """Each row beside the average of all, which is worked out first and crossed with them."""
        intent = self._intent
        name = intent.windows[0][0]
        rows = self._name(f"selected_{intent.source.name}", head, steps) if steps else head
        self._rows, self._grouped = rows, True
        first = _calculate([(name, self._text(average))])
        self._grouped = False
        self._intent = replace(intent, windows=(), columns=(*intent.columns, (name, Result(name))))
        columns = [(name, self._text(expression)) for name, expression in self._intent.columns]
        return self._model.graph, [first, Step("CROSS", (rows,)), *self._calculated(columns)]

    def _of_parents(self, link: Link) -> tuple[str, list[Step]]:
        """Groups by what rows refer to, written from there: parents with such rows, and aggregates over these."""
        intent = self._intent
        (name, key), *_ = intent.keys
        assert isinstance(key, Field)
        children = link.name
        if intent.where:
            children = self._name(f"selected_{link.name}", children, [Step("WHERE", (self._all_of(intent.where),))])
        self._rows, self._grouped = children, True
        first, later = in_two_steps(intent.columns)
        columns = [(name, parents_column(key, link))]
        for name, expression in first:
            value = expression.value if isinstance(expression, Aggregate) else None
            is_parents = isinstance(value, Field) and [one.child for one in value.path] == [link.parent]
            columns.append((name, value.column.name if is_parents else self._text(expression)))  # type: ignore[union-attr]
        self._grouped = False
        return link.parent, [Step("WHERE", (f"HAS({children})",)), *self._calculated(columns, later)]

    def _groups(self, head: str, steps: list[Step]) -> tuple[str, list[Step]]:
        intent = self._intent
        computed = [
            (name, self._text(expression))
            for name, expression in intent.keys
            if not (isinstance(expression, Field) and not expression.path and expression.column.name == name)
        ]
        if computed:
            steps = [*steps, _calculate(computed)]
        if self._named_steps and steps:
            head, steps = self._name(f"chosen_{intent.source.name}" if intent.where else "keyed", head, steps), []
        keys = [name for name, _ in intent.keys]
        partition = self._free(f"{keys[0]}_groups" if len(keys) == 1 else "groups")
        self._partition = partition
        self._grouped = True
        first, later = in_two_steps(intent.columns)
        columns = [(name, name) for name in keys]
        columns += [(name, self._text(expression)) for name, expression in first]
        self._grouped = False
        by = keys[0] if len(keys) == 1 else f"({', '.join(keys)})"
        steps = [*steps, Step("PARTITION", (f'name="{partition}"', f"by={by}"))]
        if self._named_steps and self._dice.random() < 0.4:
            head, steps = self._name(f"by_{'_and_'.join(keys)}", head, steps), []
        return head, [*steps, *self._calculated(columns, later)]

    def _calculated(self, columns: list[tuple[str, str]], later: Sequence[Named] = ()) -> list[Step]:
        """CALCULATE with what comes after it in mind: only the output where nothing else is needed.

        Columns that are worked out `later` name the others, in a CALCULATE of their own.
        """
        intent = self._intent
        if later:
            made = {name: self._text(expression) for name, expression in later}
            named = [(name, made.get(name, name)) for name, _ in (*intent.keys, *intent.columns)]
            return [_calculate(columns), *self._calculated(named)]
        goes_on = intent.having or intent.windows or intent.kept or intent.summary
        known = dict(columns)
        if not goes_on and set(known) == set(intent.output):
            return [_calculate([(name, known[name]) for name in intent.output])]
        return [_calculate(columns)] if columns else []

    def _after(self, head: str, steps: list[Step]) -> None:
        """Having, windows, summary, order and output."""
        intent = self._intent
        shown = [name for name, _ in (*intent.keys, *intent.columns)]
        if intent.having:
            steps = [*steps, Step("WHERE", (self._all_of(intent.having),))]
        if intent.windows:
            head, steps = self._windows(head, steps)
            shown += [name for name, _ in intent.windows]
        if intent.kept:
            steps = [*steps, Step("WHERE", (self._all_of(intent.kept),))]
        if intent.summary:
            rows = self._name("per_row" if intent.level == "rows" else "per_group", head, steps)
            columns = [
                (name, f"{function}({rows}.{result})" if result else f"{function}({rows})")
                for name, function, result in intent.summary
            ]
            self._assign("result", self._model.graph, [_calculate(columns)])
            return
        if intent.order:
            keys = [f"{name}.{'DESC' if descending else 'ASC'}()" for name, descending in intent.order]
            if intent.limit is not None:
                by = keys[0] if len(keys) == 1 else f"({', '.join(keys)})"
                steps = [*steps, Step("TOP_K", (str(intent.limit), f"by={by}"))]
            else:
                steps = [*steps, Step("ORDER_BY", tuple(keys))]
        if self._written_order(shown) != list(intent.output):
            steps = [*steps, Step("CALCULATE", intent.output)]
        self._assign("result", head, steps)

    def _written_order(self, shown: list[str]) -> list[str]:
        intent = self._intent
        later = intent.having or intent.windows or intent.kept or intent.summary
        return list(intent.output) if not later and set(shown) == set(intent.output) else shown

    def _windows(self, head: str, steps: list[Step]) -> tuple[str, list[Step]]:
        intent = self._intent
        per = {name for window in walk(intent.windows) if isinstance(window, Window) for name in window.per}
        if per - {"parent"}:
            inner = [name for name, _ in intent.keys if name in per]
            self._per = self._free(f"{inner[0]}_partition")
            by = inner[0] if len(inner) == 1 else f"({', '.join(inner)})"
            steps = [*steps, Step("PARTITION", (f'name="{self._per}"', f"by={by}")), Step(self._partition)]
        before = [(name, name) for name, _ in (*intent.keys, *intent.columns)]
        windows = [(name, self._text(expression)) for name, expression in intent.windows]
        wanted = dict((*before, *windows))
        if not intent.kept and not intent.summary and set(intent.output) == set(wanted):
            columns = [(name, wanted[name]) for name in intent.output]
        else:
            columns = [*before, *windows]
        return head, [*steps, _calculate(columns)]


def _calculate(columns: list[tuple[str, str]]) -> Step:
    """CALCULATE; names that stay come without `=`, as long as none before them has one."""
    arguments: list[str] = []
    for name, code in columns:
        arguments.append(code if name == code and not any("=" in one for one in arguments) else f"{name}={code}")
    return Step("CALCULATE", tuple(arguments))
