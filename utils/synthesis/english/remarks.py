"""What must be said in a sentence of its own: which rows are there although nothing belongs to them, and ties."""

from __future__ import annotations

from collections.abc import Iterator

from utils.synthesis.english import ordering, shapes
from utils.synthesis.english.conditions import Clauses
from utils.synthesis.english.plan import Plan
from utils.synthesis.intent import Aggregate, Best, Call, Exists, Field, Window, walk
from utils.synthesis.words import a

_ALONG = ("PREV", "NEXT", "RELAVG")  # windows that pass along a list


def remarks_on(plan: Plan, clauses: Clauses) -> list[str]:
    """The remarks on a plan's question, without a full stop."""
    return list(
        dict.fromkeys(
            (
                *_rowless(plan),
                *_sparse(plan),
                *_childless(plan, clauses),
                *_best_of_equal(plan, clauses),
                *_without_key(plan),
            )
        )
    )


def _rowless(plan: Plan) -> Iterator[str]:
    """That only those are listed whose rows are grouped, where groups are called by what they are of: customers."""
    if len(plan.keys) == 1 and plan.subject.one != plan.keys[0].head and plan.top is None and not plan.traits:
        yield f"Leave out {plan.subject.many} without any {'such ' if plan.scope else ''}{plan.noun.many}"


def _sparse(plan: Plan) -> Iterator[str]:
    """That periods without a row that meets the conditions are not in the list, where others are compared in it."""
    along = [one for one in walk(plan.intent.windows) if isinstance(one, Window) and one.function in _ALONG and one.by]
    if plan.scope and len(plan.keys) == 1 and along:
        yield f"Leave out {ordering.plural_of(plan.keys[0])} without any such {plan.noun.many}"


def _childless(plan: Plan, clauses: Clauses) -> Iterator[str]:
    """That rows count to which nothing belongs: "Include customers without any transactions"."""
    intent = plan.intent
    aggregates = [one for one in walk(intent.columns) if isinstance(one, Aggregate)]
    if intent.level != "rows" or intent.summary or intent.kept or not aggregates:
        return
    if intent.having and not all(isinstance(one, Call) and one.operator in ("LT", "LE") for one in intent.having):
        return
    if intent.limit is not None and plan.order and plan.order[0][1]:
        return  # those with most have some
    if any(isinstance(one, Aggregate) or (isinstance(one, Exists) and not one.negated) for one in walk(intent.where)):
        return
    first = aggregates[0]
    many, _tail = shapes.split_path(first.path)
    if many and (first.where or any(link.lacks for link in many)):
        said = clauses.phrase(first, intent.source)
        named = bool(said.rows or said.counted)  # else such rows have not been spoken of
        children = (
            clauses.lexicon.of_link(many[-1]).many if named else clauses.rows(intent.source, many, first.where).many
        )
        yield f"Include {plan.noun.many} without any {'such ' if first.where and named else ''}{children}"


def _best_of_equal(plan: Plan, clauses: Clauses) -> Iterator[str]:
    """Which of several rows that are equally good is the best."""
    for best in (one for one in walk(plan.intent.columns) if isinstance(one, Best)):
        many, tail = shapes.split_path(best.path)
        end = clauses.model.end(plan.intent.source, many)
        same = {child for _parent, child in many[-1].keys}
        said = []
        for by, descending in best.by[1:]:
            if isinstance(by, Field) and not by.path and by.column.name in same:
                continue  # all rows of one parent have it
            phrase = clauses.phrase(shapes.moved(by, tail), end)
            low, high = ("earliest", "latest") if phrase.sort == "date" else ("lowest", "highest")
            said.append(f"{high if descending else low} {phrase.head}")
        if said:
            yield f"If several tie, take the one with the {' and then the '.join(said)}"


def _without_key(plan: Plan) -> Iterator[str]:
    """That rows without a value to group by are a group, too."""
    sure = {
        one.arguments[0]
        for one in shapes.leaves(plan.intent.where)
        if isinstance(one, Call) and one.operator in ("PRESENT", "EQ", "IN", "GT", "GE", "LT", "LE", "BETWEEN")
    }
    for key, (_name, expression) in zip(plan.keys, plan.intent.keys, strict=True):
        if key.blank and not sure & set(shapes.fields_of(expression)):
            yield f"{plan.noun.many} without {a(key.head)} form a group of their own"
