"""From an intent to the plan of its question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from utils.synthesis.english import shapes
from utils.synthesis.english.conditions import Clauses
from utils.synthesis.english.lexicon import Noun
from utils.synthesis.english.ordering import keys_listed
from utils.synthesis.english.phrases import Phrase, Trait
from utils.synthesis.english.plan import BestRow, Plan, Top
from utils.synthesis.english.remarks import remarks_on
from utils.synthesis.intent import Best, Call, Constant, Exists, Expression, Field, Intent, Result, Window
from utils.synthesis.words import a, listed, plural


def plan_of(clauses: Clauses) -> Plan:
    """The plan of the question that `clauses` speak of."""
    intent, at, results = clauses.intent, clauses.intent.source, clauses.results
    noun = clauses.lexicon.rows(at.name)
    scope = clauses.traits(intent.where, at)
    if not _has_parent(intent):
        scope.append(_with_parent(intent, clauses))
    for name, expression in intent.keys:
        results[name] = clauses.key(expression, at)
    keys = list(results.values())
    clauses.group = (_owner_noun(intent, clauses) or _group_noun(keys)) if intent.level == "groups" else noun
    for name, expression in intent.columns:
        results[name] = clauses.phrase(expression, at)
    traits = [] if intent.level == "groups" else list(scope)
    traits += clauses.traits(intent.having, at)
    for name, expression in intent.windows:
        results[name] = clauses.phrase(expression, at)
    top, rest = _top_of(clauses)
    traits += clauses.traits(rest, at)
    order = [(results[name], descending) for name, descending in _order_that_counts(intent) if name in results]
    if top is None and intent.limit is not None and order:
        top = Top(intent.limit, intent.order[0][0], tuple(order))
    columns = {name: results[name] for name in intent.output if name in results}
    subject = _group_noun(keys, shown=True) if len(keys) > 1 else clauses.group
    plan = Plan(intent, noun, scope, subject, traits, keys, columns, order, results, top)
    plan.ranking = _ranking(clauses)
    plan.best = _best_row(clauses)
    plan.remarks.extend(remarks_on(plan, clauses))
    return plan


def _order_that_counts(intent: Intent) -> Sequence[tuple[str, bool]]:
    """The order without what comes after a rank that no two rows share."""
    windows = dict(intent.windows)
    for index, (name, _descending) in enumerate(intent.order):
        window = windows.get(name)
        before = {other for other, _ in intent.order[:index]}
        if (
            isinstance(window, Window)
            and window.function == "RANKING"
            and not window.option
            and set(window.per) <= before
        ):
            return intent.order[: index + 1]
    return intent.order


def _owner_noun(intent: Intent, clauses: Clauses) -> Noun | None:
    """What groups are called that are by the key of other rows: groups by customer ID are customers."""
    key = intent.keys[0][1] if len(intent.keys) == 1 else None
    if not isinstance(key, Field):
        return None
    if key.path:
        end = clauses.model.end(intent.source, key.path)
        return clauses.lexicon.of_link(key.path[-1]) if end.key == (key.column.name,) else None
    links = [one for one in intent.source.singular_links if [own for own, _other in one.keys] == [key.column.name]]
    return clauses.lexicon.of_link(links[0]) if len(links) == 1 else None


def _group_noun(keys: Sequence[Phrase], shown: bool = False) -> Noun:
    """What groups are called; `shown`: with how each of several keys is shown."""
    if len(keys) == 1:
        return Noun(keys[0].head, keys[0].many or plural(keys[0].head))
    names = keys_listed(keys) if shown else listed([key.head for key in keys])
    return Noun(f"combination of {names}", f"combinations of {names}")


def _has_parent(intent: Intent) -> bool:
    """Whether all rows have the parent that the intent comes through, or it comes through none."""
    via = intent.via
    if via is None:
        return True
    keys = {(child, parent) for parent, child in via.keys}
    back = [one for one in intent.source.singular_links if one.child == via.parent and set(one.keys) == keys]
    return any(not link.optional for link in back)


def _with_parent(intent: Intent, clauses: Clauses) -> Trait:
    assert intent.via is not None
    owner = a(clauses.lexicon.rows(intent.via.parent).one)
    return Trait(f"belongs to {owner}", f"belong to {owner}", heavy=True)


def _top_of(clauses: Clauses) -> tuple[Top | None, list[Expression]]:
    """The first few by a rank, and the other conditions on results."""
    top, rest = None, []
    for condition in shapes.leaves(clauses.intent.kept):
        found = _first_by_rank(condition, clauses) if top is None and clauses.intent.limit is None else None
        if found is None:
            rest.append(condition)
        else:
            top = found
    return top, rest


def _first_by_rank(condition: Expression, clauses: Clauses) -> Top | None:
    """The first few that a condition on a rank keeps; None where it is no such condition."""
    if not isinstance(condition, Call) or condition.operator not in ("LE", "LT", "EQ"):
        return None
    rank, number = condition.arguments
    window = clauses.expressions.get(rank.name) if isinstance(rank, Result) else rank
    if not isinstance(window, Window) or window.function != "RANKING" or not isinstance(number, Constant):
        return None
    count = int(float(str(number.value))) - (condition.operator == "LT")
    return _top_by(window, clauses, count, exact=condition.operator == "EQ" and count > 1)


def _top_by(window: Window, clauses: Clauses, count: int, exact: bool = False) -> Top:
    order = tuple((clauses.results[result.name], descending) for result, descending in window.by)
    per = (Phrase(clauses.per(window)),) if window.per == ("parent",) else tuple(map(clauses.results.get, window.per))
    return Top(count, window.by[0][0].name, order, tuple(one for one in per if one), exact, window.option)


def _ranking(clauses: Clauses) -> Top | None:
    """The order of a rank that is shown."""
    for name, expression in clauses.intent.windows:
        if isinstance(expression, Window) and expression.function == "RANKING" and name in clauses.intent.output:
            return _top_by(expression, clauses, 0)
    return None


def _best_row(clauses: Clauses) -> BestRow | None:
    """The best row that all columns but the row's own are of, where only rows that have one are asked for."""
    intent = clauses.intent
    columns = [expression for _name, expression in intent.columns]
    bests = [one for one in columns if isinstance(one, Best)]
    if not bests or intent.windows or len(intent.output) != len(columns) or intent.level != "rows":
        return None
    first = bests[0]
    if any(replace(one, value=first.value) != first for one in bests):
        return None
    if not all(isinstance(one, Best | Field) for one in columns):
        return None
    if Exists(first.path, first.where) not in shapes.leaves(intent.where):
        return None
    noun = clauses.lexicon.of_link(shapes.split_path(first.path)[0][-1]).one
    rows = clauses.best_rows(replace(first, where=()), intent.source)
    return BestRow(f"{rows} among these" if first.where else rows, noun)
