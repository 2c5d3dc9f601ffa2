"""Parts that frames of several shapes are made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from utils.synthesis.english import ordering
from utils.synthesis.english.items import columns_listed, without_shared_note
from utils.synthesis.english.lexicon import Noun
from utils.synthesis.english.measures import is_vague, possessed
from utils.synthesis.english.phrases import Phrase, Trait, joined, noun_phrase
from utils.synthesis.english.plan import Plan
from utils.synthesis.english.voice import Voice


@dataclass(frozen=True)
class Listing:
    """Columns with and without articles, and the order behind a comma and as a sentence of its own."""

    outs: str
    bare: str
    sort: str = ""
    sort_sentence: str = ""


def listing(plan: Plan, voice: Voice, columns: Sequence[Phrase]) -> Listing:
    """Columns and order of a plan in words; a rounding that all share becomes a remark."""
    plain, remark = without_shared_note(columns)
    if remark:
        plan.remarks.append(remark)
    return Listing(columns_listed(plain), columns_listed(plain, articles=False), *order_said(plan, voice))


def order_said(plan: Plan, voice: Voice) -> tuple[str, str]:
    """The order behind a comma (", sorted by name") and as a sentence (after two blanks); of no order nothing."""
    if not plan.order:
        return "", ""
    leading = ordering.leading(voice, plan.order)
    if leading and (plan.order[0][0].sort == "count" or voice.chance(0.5)):
        return f", {leading}", f"  {leading}."
    by = ordering.sorted_by(voice, plan.order)
    if by.startswith("in ") and len(plan.order) == 1:
        return f", {by}", f"  List the {ordering.plural_of(plan.order[0][0])} {by}."
    verb = voice.one_of("sorted ", "ordered ", "")
    if by.startswith("in "):
        return f", {by}", f"  Sort by {plan.order[0][0].name} {by}."
    return f", {verb}{by}", f"  {voice.one_of('Sort', 'Order the result')} {by}."


def show(voice: Voice) -> str:
    """A verb that asks for columns."""
    return voice.one_of("show", "list", "give", "return")


def which(noun: Noun, traits: Sequence[Trait]) -> str:
    """The question which rows there are: "which customers joined in 2022"; "" where nothing is said of them."""
    return f"which {_asked(noun, traits)}" if traits else ""


def how_many(noun: Noun, traits: Sequence[Trait]) -> str:
    """ "how many customers joined in 2022" """
    return f"how many {_asked(noun, traits)}" if traits else f"how many {noun.many} are there"


def _asked(noun: Noun, traits: Sequence[Trait]) -> str:
    last = max(traits, key=lambda trait: (trait.heavy, not trait.before, not trait.after))
    others = [trait for trait in traits if trait is not last]
    if any(not (trait.before or trait.after) or trait.heavy for trait in others):
        plain = [trait for trait in others if trait.before]
        return f"{noun_phrase(noun, plain).many} {joined([one for one in traits if one not in plain])}"
    return f"{noun_phrase(noun, others).many} {last.many}"


def what_is(columns: Sequence[Phrase]) -> str:
    """The question for one or two values: "how many orders are there, and what is the total tax"; "" for others.

    "What are" goes with two in the plural only, and few are.
    """
    said = columns_listed(columns)
    if len(columns) == 1:
        return f"what is {said}"
    first = columns[0]
    rest = said.removeprefix(f"{first.the} and ")
    if len(columns) > 2 or rest == said or not first.is_count or not first.counted or first.note:
        return ""
    share = "the percentage of all "
    asked = f"what {rest.removeprefix('the ')} is that" if rest.startswith(share) else f"what is {rest}"
    return f"how many {first.counted.many} are there, and {asked}"


def over_rows(plan: Plan, voice: Voice, measures: Sequence[Phrase], apart: bool) -> tuple[str, list[Phrase]]:
    """Measures with the rows that they are taken over said once: in words before them, or in the first of them.

    `apart` asks for words before them ("among transactions placed in 2022"), where there are any conditions.
    """
    of_all = [phrase for phrase in measures if phrase.over_all]
    if len(of_all) == len(measures) == 1 and of_all[0].is_count:
        apart = False  # "for orders placed in 2022, the number of orders" says it twice
    if plan.scope and (apart or len(of_all) < len(measures)):
        rows = plan.scoped.many
        front = voice.one_of(f"among {rows}", f"considering only {rows}", f"for {rows}", f"looking only at {rows}")
        return front, list(measures)
    if not of_all or (not plan.scope and (names_rows(plan, of_all[0]) and not of_all[0].rows)):
        return "", list(measures)
    return "", [taken_over_all(plan, one) if one.over_all else one for one in measures]


def as_headline(front: str) -> str:
    """Words on the rows before a line that has no verb: "for orders placed in 2022"."""
    return re.sub(r"^(?:among|considering only|looking only at) ", "for ", front)


def taken_over_all(plan: Plan, phrase: Phrase) -> Phrase:
    """A measure with the rows of the question that it is taken over."""
    if phrase.is_count:
        return replace(phrase, counted=plan.scoped)
    if not plan.scope and is_vague(phrase):
        return possessed(phrase, plan.noun.one)
    return replace(phrase, rows=plan.scoped.many)


def names_rows(plan: Plan, phrase: Phrase) -> bool:
    """Whether what a measure is called tells what rows it is taken over."""
    return plan.noun.one.split()[-1] in phrase.bare.split() or plan.noun.many.split()[-1] in phrase.bare.split()
