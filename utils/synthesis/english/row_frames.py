"""Questions that list rows."""

from __future__ import annotations

from dataclasses import replace

from utils.synthesis.english.items import as_such, columns_listed, taken_over, told_apart
from utils.synthesis.english.parts import Listing, listing, show, which
from utils.synthesis.english.plan import Plan
from utils.synthesis.english.voice import Voice


def listed_rows(plan: Plan, voice: Voice, register: str) -> list[str]:
    """Wordings of a question for rows with some of their columns."""
    speaks_of_these = any(" these " in f" {phrase.whole} " for phrase in plan.columns.values())
    if speaks_of_these or list(plan.columns_of_subject.values()) != list(plan.columns.values()):
        return _rows_first(plan, voice, register)
    one, many = plan.rows.one, plan.rows.many
    columns = told_apart(list(plan.columns.values()), plan.noun.one)
    said = listing(plan, voice, columns)
    outs, sort, then = said.outs, said.sort, said.sort_sentence
    verb, each = show(voice), voice.one_of("each", "every")
    of = "for" if any(taken_over(phrase) or " of " in phrase.head for phrase in columns) else "of"
    match register:
        case "imperative":
            return [f"{verb} {outs} {of} {each} {one}{sort}.", f"{verb} {outs} {of} all {many}{sort}.",
                    *_rows_first(plan, voice, register, said)]  # fmt: skip
        case "interrogative":
            last = columns[-1]
            if last.is_count and last.counted and not last.note and sum(phrase.is_count for phrase in columns) == 1:
                outs = columns_listed([*columns[:-1], as_such(last, last.counted.many)])
                return [f"how many {last.counted.many} does each {one} have?  {verb} {outs}{sort}."]
            if not plan.traits:
                if len(columns) == 1:
                    return [f"what is {outs} {of} {each} {one}?{then}"]
                return [f"for {each} {one}, can you list {outs}?{then}"]
        case "terse":
            return [*_rows_first(plan, voice, register, said), f"{said.bare} {of} all {many}{sort}."]
        case "report":
            return [f"please list {outs} {of} all {many}{sort}.", f"we need {outs} {of} all {many}{sort}.",
                    *_rows_first(plan, voice, register, said)]  # fmt: skip
        case "conversational":
            wordings = [
                f"could you show me {outs} {of} all {many}?{then}",
                f"I'd like to see {outs} {of} {each} {one}{sort}.",
            ]
            if not plan.traits:
                return [*wordings, f"for each {one}, can you give me {outs}?{then}"]
            return [*wordings, *_rows_first(plan, voice, register, said)]
    return _rows_first(plan, voice, register, said)


def _rows_first(plan: Plan, voice: Voice, register: str, said: Listing | None = None) -> list[str]:
    """Wordings that say first which rows are asked for, so that columns may refer to it."""
    if said is None:
        said = listing(plan, voice, told_apart(list(plan.columns_of_subject.values()), plan.noun.one))
    one, many = plan.rows.one, plan.rows.many
    outs, sort, verb = said.outs, said.sort, show(voice)
    of = "for" if any(taken_over(phrase) or " of " in phrase.head for phrase in plan.columns.values()) else "of"
    match register:
        case "imperative":
            return [f"for {voice.one_of('each', 'every')} {one}, {verb} {outs}{sort}."]
        case "interrogative":
            return [f"{which(plan.subject, plan.traits)}?  {verb} {outs}{sort}."]
        case "terse":
            if not plan.traits:
                return [f"for each {one}: {said.bare}{sort}."]
            value_first = any(trait.before and many.startswith(trait.before) for trait in plan.traits)
            return [f"{'all ' if value_first else ''}{many}: {said.bare}{sort}."]
        case "report":
            return [f"please prepare a list of all {many}, showing {outs}{sort}."]
        case "conversational":
            return [f"can you tell me {which(plan.subject, plan.traits)}?  I need {outs}{sort}."]
    return [f"for all {many}, {verb} {outs}{sort}.", f"we are reviewing all {many}.  {verb} {outs} {of} each{sort}.",
            f"looking at {many}: {verb} {outs} {of} each one{sort}."]  # fmt: skip


def of_the_best(plan: Plan, voice: Voice, register: str) -> list[str]:
    """Wordings of a question for rows with values of the best row that belongs to each."""
    best = plan.best
    assert best is not None
    others = [phrase for phrase in plan.columns.values() if phrase.joint != "of the"]
    values = [replace(phrase, rows="", counted=None) for phrase in plan.columns.values() if phrase.joint == "of the"]
    sort = listing(plan, voice, others).sort
    taken = {phrase.head for phrase in values}
    others = [replace(one, head=f"{plan.noun.one} {one.head}") if one.head in taken else one for one in others]
    own = columns_listed(others)
    own = own if len(others) == 1 else own.replace(" and ", ", ")
    of_best = [replace(one, head=_without_owner(one.head, best.noun)) for one in values]
    outs = f"{own} and that {best.noun.split()[-1]}'s {columns_listed(of_best, articles=False)}"
    few = f"the {best.rows}"
    verb, each = show(voice), f"{voice.one_of('each', 'every')} {plan.rows.one}"
    match register:
        case "imperative":
            return [
                f"for {each}, find {few} and {verb} {outs}{sort}.",
                f"for {each}, take {few}.  {verb} {outs}{sort}.",
            ]
        case "interrogative":
            return [f"for {each}, what is {few}?  {verb} {outs}{sort}."]
        case "terse":
            return [f"for {each}, {few}, with {outs}{sort}."]
        case "report":
            return [f"for {each}, please report {few}, with {outs}{sort}."]
        case "conversational":
            return [f"for {each}, I'd like to see {few}.  Please {verb} {outs}{sort}."]
        case _:
            return [f"for {each}, take {few} and {verb} {outs}{sort}."]


def _without_owner(head: str, noun: str) -> str:
    """A value's name behind its owner's: "that transaction's time" of a "transaction time"."""
    rest = head.removeprefix(f"{noun} ")
    return head if rest in ("ID", "number") else rest
