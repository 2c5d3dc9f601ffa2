"""Questions whose answer is one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from utils.synthesis.english.items import columns_listed, taken_over, without_shared_note
from utils.synthesis.english.parts import as_headline, how_many, names_rows, over_rows, taken_over_all, what_is
from utils.synthesis.english.phrases import Phrase
from utils.synthesis.english.plan import Plan
from utils.synthesis.english.voice import Voice
from utils.synthesis.intent import Aggregate, walk
from utils.synthesis.words import listed

_SHORT = 4  # words
_WORDS = {
    "AVG": "average", "MAX": "highest", "MIN": "lowest", "MEDIAN": "median", "SUM": "overall", "ANYTHING": "",
    "STD": "sample standard deviation of the", "VAR": "sample variance of the",
    "NDISTINCT": "number of different values of the",
}  # fmt: skip


def in_all(plan: Plan, voice: Voice, register: str) -> list[str]:
    """Wordings of a question for totals over all rows."""
    measures = list(plan.columns.values())
    if len(measures) == 1 and (special := _one_figure(plan, voice, measures[0], register)):
        return special
    long = len(measures) > 1 and len(plan.scoped.many.split()) > _SHORT
    long = long and not (register == "interrogative" and measures[0].is_count)
    front, measures = over_rows(plan, voice, measures, apart=register == "context" or long)
    columns, remark = without_shared_note(measures)
    if remark:
        plan.remarks.append(remark)
    if len(columns) == 1 and columns[0].note.startswith("rounded"):
        outs, note = replace(columns[0], note="").the, f", {columns[0].note}"
    else:
        outs, note = columns_listed(columns), ""
    if register == "interrogative" and len(columns) == 2 and not front and (question := what_is(columns)):
        if columns[0].over_all:
            counted = f"how many {plan.scoped.many} are there"
            question = question.replace(counted, how_many(plan.noun, plan.scope))
        return [f"{question}?"]
    asked = "what is" if len(columns) == 1 else "can you give"
    if register == "terse" and front:
        outs = columns_listed(columns, articles=False)
        return [f"{as_headline(front)}: {outs}."]
    return _told(outs, f"{front}, " if front else "", asked, note, voice, register)


def _told(outs: str, lead: str, asked: str, note: str, voice: Voice, register: str) -> list[str]:
    match register:
        case "imperative":
            return [f"{lead}{voice.one_of('calculate', 'work out', 'find')} {outs}{note}."]
        case "interrogative":
            return [f"{lead}{asked} {outs}{note}?"]
        case "terse":
            return [f"{as_headline(lead)}{outs.removeprefix('the ')}{note}."]
        case "report":
            return [f"{lead}please report {outs}{note}.", f"{lead}we need {outs}{note}."]
        case "conversational":
            return [f"{lead}can you tell me {outs}{note}?", f"{lead}I'd like to know {outs}{note}."]
    return [f"{lead}{asked} {outs}{note}?", f"{lead}{voice.one_of('calculate', 'work out')} {outs}{note}."]


def _one_figure(plan: Plan, voice: Voice, phrase: Phrase, register: str) -> list[str]:
    """A single count or percentage has wordings of its own."""
    note = f", {phrase.note}" if phrase.note else ""
    if phrase.is_count and phrase.over_all and not phrase.note:
        asked = how_many(plan.noun, plan.scope)
        match register:
            case "imperative":
                return [f"count {'the' if plan.scope else 'all'} {plan.scoped.many}."]
            case "interrogative":
                return [f"{asked}?"]
            case "conversational":
                return [f"can you tell me {asked}?", f"I'd like to know {asked}."]
        return []
    if phrase.that and phrase.over_all and len(plan.scoped.many.split()) > _SHORT and plan.scope:
        of_all, part = f"of all {plan.scoped.many},", f"{phrase.who} {phrase.that}{note}"
        match register:
            case "conversational":
                return [f"{of_all} can you tell me what percentage {phrase.that}{note}?"]
            case "terse":
                return [f"{of_all} percentage {part}."]
            case "report":
                return [f"{of_all} please report the percentage {part}."]
            case "imperative":
                return [f"{of_all} calculate the percentage {part}."]
        return [f"{of_all} what percentage {phrase.that}{note}?"]
    if phrase.that and phrase.over_all:
        asked = f"what percentage of {plan.scoped.many} {phrase.that}{note}"
        match register:
            case "interrogative":
                return [f"{asked}?"]
            case "conversational":
                return [f"can you tell me {asked}?", f"I'd like to know {asked}."]
            case "context":
                return [f"of all {plan.scoped.many}, what percentage {phrase.that}{note}?"]
    if (
        phrase.sort == "count"
        and phrase.head.startswith("number of different ")
        and phrase.over_all
        and register == "interrogative"
    ):
        return [f"how many {phrase.head.removeprefix('number of ')} are there across {plan.scoped.many}{note}?"]
    return []


def summarised(plan: Plan, voice: Voice, register: str) -> list[str]:
    """Wordings of a question for what groups or rows have on average, or at most."""
    summary = plan.intent.summary
    counted = [Phrase("number", counted=plan.rows) for _name, _function, result in summary if not result]
    texts = [one.whole for one in counted]
    measures = list(dict.fromkeys(result for _name, _function, result in summary if result))
    front = ""
    for result in measures:
        measure = plan.named[result]
        if plan.keys:
            front, measure = _of_groups(plan, voice, measure)
        words = [_WORDS.get(function, function.lower()) for _name, function, other in summary if other == result]
        texts.append(_leveled(words, measure, plan.rows.one, plan.rows.many if plan.keys else ""))
    if plan.keys and plan.scope and not measures:
        front, _ = over_rows(plan, voice, [], apart=True)
    functions = {function for _name, function, _result in summary}
    if plan.keys and plan.scope and functions != {"MAX"}:
        plan.remarks.append(f"Leave out {plan.subject.many} without any such {plan.noun.many}")
    if not plan.keys and measures:
        _childless_too(plan, plan.named[measures[0]], functions)
    asked = "what is" if len(summary) == 1 else "what are"
    return _told(f"the {listed(texts)}", f"{front}, " if front else "", asked, "", voice, register)


def _of_groups(plan: Plan, voice: Voice, measure: Phrase) -> tuple[str, Phrase]:
    if plan.scope or not measure.over_all:
        front, [said] = over_rows(plan, voice, [measure], apart=True)
        return front, said
    if not names_rows(plan, measure):
        return "", taken_over_all(plan, measure)
    return "", measure


def _leveled(words: Sequence[str], measure: Phrase, per: str, grouped: str) -> str:
    """ "average and highest number of orders per customer"; the most that any one has is that "of any one customer"."""
    single = set(words) <= {"highest", "lowest"}
    if measure.sort == "count":
        words = [{"highest": "largest", "lowest": "smallest"}.get(word, word) for word in words]
    if measure.sort != "count" and "median" in words and grouped:
        return f"{listed(list(words))} across all {grouped} of the {measure.whole}"
    each = f"{'for any one' if single else 'per'} {per}"
    rows = taken_over(measure)
    if not set(rows.split()) & {"whose", "that", "who", "with"} or not measure.of_what:
        return f"{listed(list(words))} {measure.whole} {each}"
    return f"{listed(list(words))} {measure.head} {measure.joint} {measure.of_what} {each}, counting only {rows}"


def _childless_too(plan: Plan, measure: Phrase, functions: set[str]) -> None:
    """A remark on rows without any of what is measured, where these change the answer."""
    aggregates = [one for one in walk(plan.intent.columns) if isinstance(one, Aggregate) and one.path]
    filtered = any(one.where for one in aggregates)
    lacking = filtered or any(link.lacks for one in aggregates for link in one.path)
    if plan.intent.having or not lacking or functions == {"MAX"}:
        return
    zero = measure.sort == "count" or measure.head.startswith("total ")
    such = "such " if filtered and taken_over(measure) else ""
    then = " of that time" if filtered and not such else ""
    without = f"{plan.noun.many} without any {such}{measure.of_what}".rstrip() + then
    plan.remarks.append(f"Count {without} as 0" if zero else f"Leave out {without}")
