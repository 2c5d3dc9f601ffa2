"""Questions for groups: measures of each, shares of all, ranks."""

from __future__ import annotations

from dataclasses import replace

from utils.synthesis.english import ordering
from utils.synthesis.english.items import columns_listed, named_before
from utils.synthesis.english.parts import (
    Listing,
    as_headline,
    listing,
    names_rows,
    over_rows,
    show,
    taken_over_all,
    what_is,
    which,
)
from utils.synthesis.english.phrases import Phrase
from utils.synthesis.english.plan import Plan
from utils.synthesis.english.voice import Voice


def grouped(plan: Plan, voice: Voice, register: str) -> list[str]:
    """Wordings of a question for measures of groups."""
    if plan.traits and (register != "imperative" or plan.scope):
        return _which_groups(plan, voice, register)
    shown = list(plan.columns.values())
    told = plan.keys if _are_called_by_key(plan) else []
    measures = [phrase for phrase in plan.columns_of_subject.values() if phrase not in told]
    if shown[: len(plan.keys)] != plan.keys or len(shown) == len(plan.keys):
        return _which_groups(plan, voice, register) if plan.traits else _explicit(plan, voice)
    if plan.intent.windows:
        front = ""
        measures = [_with_rows(plan, one) for one in measures]
    else:
        front, measures = over_rows(plan, voice, measures, apart=True)
    said = listing(plan, voice, measures)
    outs, then = said.outs, said.sort_sentence
    sort = f", sorted{said.sort[1:]}" if said.sort.startswith(", by ") else said.sort
    note = key_note(plan)
    one = f"{plan.rows.one}{note}"
    by = f"by {ordering.keys_listed(plan.keys)}{note}" if told else f"for each {one}"
    each = f"{voice.one_of('each', 'each', 'every')} {one}"
    numbers = all(one.sort in ("count", "number", "price") for one in measures)
    verb = voice.one_of("show", "give", "calculate" if numbers else "list", "return")
    lead = f"{front}, " if front else ""
    said = replace(said, sort=sort)
    if plan.intent.windows:
        return _each_first(f"for {each}", said, what_is(measures), voice, register)
    match register:
        case "imperative":
            each_first = [f"for {each}, {verb} {outs}{sort}."]
            return (
                each_first
                if plan.traits or (not lead and voice.chance(0.5))
                else [f"{lead}{verb} {outs} for {each}{sort}."]
            )
        case "interrogative":
            if len(measures) == 1 and measures[0].is_count and measures[0].counted and not measures[0].note:
                asked = f"how many {measures[0].counted.many} are there"
                return [f"{lead}{asked} {voice.one_of('for each', 'per')} {one}?{then}"]
            if len(measures) == 1:
                return [f"{lead}what is {outs} for {each}?{then}"]
            if (asked := what_is(measures)) and not lead:
                return [f"for {each}, {asked}?{then}"]
            return [f"{lead}can you give {outs} for {each}?{then}"]
        case "terse":
            return [f"{as_headline(front)}{': ' if front else ''}{said.bare} {by}{sort}."]
        case "report":
            needed = f"{lead}we need {outs} {by}{sort}."
            adds_up = all(one.is_count or one.head.startswith(("total ", "combined ")) for one in measures)
            return [f"{lead}break down {outs} {by}{sort}.", needed] if adds_up else [needed]
        case "conversational":
            return [f"{lead}I'd like to see {outs} {by}{sort}.", f"{lead}can you tell me {outs} for {each}?{then}"]
    if lead:
        return [f"{lead}{verb} {outs} for {each}{sort}."]
    return [f"we want to compare {plan.subject.many}{note}.  {verb} {outs} for each{sort}."]


def _with_rows(plan: Plan, measure: Phrase) -> Phrase:
    """A measure with the rows it is taken over, unless it names them."""
    named = not plan.scope and names_rows(plan, measure)
    return taken_over_all(plan, measure) if measure.over_all and not named else measure


def _each_first(each: str, said: Listing, asked: str, voice: Voice, register: str) -> list[str]:
    """Wordings that say first what each row is, so that others before or after it may be spoken of."""
    outs, sort, then = said.outs, said.sort, said.sort_sentence
    return {
        "imperative": [f"{each}, {show(voice)} {outs}{sort}.", f"{each}, work out {outs}{sort}."],
        "interrogative": [f"{each}, {asked or f'can you give {outs}'}?{then}"],
        "terse": [f"{each}: {outs}{sort}."],
        "report": [f"{each}, we need {outs}{sort}.", f"{each}, please report {outs}{sort}."],
        "conversational": [f"{each}, can you tell me {outs}?{then}", f"{each}, I'd like to see {outs}{sort}."],
        "context": [f"{each}, {show(voice)} {outs}{sort}."],
    }[register]


def _are_called_by_key(plan: Plan) -> bool:
    """Whether groups are called by what they are made by, as "each country" is; customers are not by their ID."""
    return len(plan.keys) > 1 or plan.subject.one == plan.keys[0].head


def key_note(plan: Plan, of_many: bool = False) -> str:
    """How a single key is shown, in brackets, of one group or `of_many`; several say so where they are listed."""
    notes = [key.note for key in plan.keys if key.note and len(plan.keys) == 1]
    if of_many:
        notes = [f"each {note}" if note.startswith("shown as ") else note for note in notes]
    return f" ({', '.join(notes)})" if notes else ""


def _which_groups(plan: Plan, voice: Voice, register: str) -> list[str]:
    """Groups of which something is said: "Which countries have at least ten customers?" """
    front, columns = _all_columns(plan, voice)
    said = listing(plan, voice, columns)
    verb = show(voice)
    lead = f"{front}, " if front else ""
    asked = which(plan.subject, plan.traits)
    tail = f"{said.outs}{said.sort}"
    match register:
        case "interrogative":
            return [f"{lead}{asked}?  {verb} {tail}."]
        case "conversational":
            return [
                f"{lead}can you tell me {asked}?  I need {tail}.",
                f"{lead}I'd like to know {asked}.  Please {verb} {tail}.",
            ]
        case "terse":
            return [f"{lead}{plan.rows.many}: {said.bare}{said.sort}."]
        case "report":
            return [f"{lead}please report all {plan.rows.many}, showing {tail}."]
        case "context":
            return [f"{lead}we are interested in {plan.rows.many}.  {verb} {tail}."]
    return [f"{lead}find all {plan.rows.many}.  {verb} {tail}."]


def _all_columns(plan: Plan, voice: Voice) -> tuple[str, list[Phrase]]:
    """Keys and measures, the rows these are taken over said before them or in the first of them."""
    front, _ = over_rows(plan, voice, list(plan.named.values()), apart=True)
    said = False
    columns = []
    for one in plan.columns_of_subject.values():
        if one in plan.keys and plan.traits:
            one = replace(named_before(one), note=one.note)
        if one.over_all and not front and not said and not names_rows(plan, one):
            one = taken_over_all(plan, one)
        said = said or one.over_all
        columns.append(one)
    return front, columns


def _explicit(plan: Plan, voice: Voice) -> list[str]:
    """Groups whose columns come in another order than one would expect, or without what they are grouped by."""
    front, columns = _all_columns(plan, voice)
    said = listing(plan, voice, columns)
    lead = f"{front}, " if front else ""
    hidden = [key for key in plan.keys if key not in plan.columns.values()]
    per = f"{lead}for each {plan.rows.one}{key_note(plan)}"
    return [f"{per}, {show(voice)} {'only ' if hidden else ''}{said.outs}{said.sort}."]


def shared(plan: Plan, voice: Voice, register: str) -> list[str]:
    """Wordings of a question for what share of all falls to each group."""
    if register not in ("interrogative", "conversational", "context") or " of the " in plan.keys[0].head or plan.scope:
        return grouped(plan, voice, register)
    columns = [phrase for phrase in plan.columns.values() if phrase not in plan.keys]
    measure, share = columns[0], next(one for one in columns if one.name == "percentage")
    front, _ = over_rows(plan, voice, [measure], apart=True)
    rows = "" if front or measure.is_count or names_rows(plan, measure) else f" {measure.joint} {plan.noun.many}"
    note = f", {share.note}" if share.note else ""
    plain = [replace(one, note="", head="percentage") if one is share else one for one in plan.columns.values()]
    said = listing(plan, voice, [replace(one, note="") if one in plan.keys else one for one in plain])
    key = f"each {plan.subject.one}{key_note(plan)}"
    lead = f"{front}, " if front else ""
    head = share.head.removeprefix("percentage of ").replace("all these ", "these ")
    ask = {"conversational": "can you tell me what percentage"}.get(register, "what percentage")
    end = "account for" if register != "conversational" else "accounts for"
    who = f"does {key}" if register != "conversational" else key
    return [f"{lead}{ask} of {head}{rows} {who} {end}{note}?  {show(voice)} {said.outs}{said.sort}."]


def ranked(plan: Plan, voice: Voice, register: str) -> list[str]:
    """Wordings of a question that ranks groups."""
    top = plan.ranking
    assert top is not None
    phrase, descending = top.order[0]
    front, _ = over_rows(plan, voice, [phrase], apart=True)
    if not front and phrase.over_all and (plan.scope or not names_rows(plan, phrase)):
        phrase = taken_over_all(plan, phrase)
    lead = f"{front}, " if front else ""
    first = ordering.direction(phrase, descending)
    ties = {
        "ties": "equal values share a rank, with a gap after them",
        "dense": "equal values share a rank and no rank is skipped",
    }
    tie = ties.get(top.ties) or ordering.ties(voice, top.order[1:])
    columns = [replace(named_before(one), note="" if one in plan.keys else one.note) for one in plan.columns.values()]
    columns[-1] = replace(columns[-1], head="rank", note="")
    order = f", {voice.one_of('sorted', 'ordered')} {ordering.sorted_by(voice, plan.order)}" if plan.order else ""
    rows = f"{plan.rows.many}{key_note(plan, of_many=True)}"
    what = f"{rows} by {phrase.whole} ({first}{'; ' + tie if tie else ''})"
    outs = columns_listed(columns)
    tail = f"{outs}{order}"
    verb = show(voice)
    return {
        "imperative": [f"{lead}rank {what}.  {verb} {tail}."],
        "interrogative": [f"{lead}how do {rows} rank{what.removeprefix(rows)}?  {verb} {tail}."],
        "terse": [f"{as_headline(lead)}ranking of {what}: {columns_listed(columns, articles=False)}{order}."],
        "report": [f"{lead}please prepare a ranking of {what}.  {verb} {tail}."],
        "conversational": [f"{lead}can you rank {what}?  I need {tail}."],
        "context": [f"{lead}we want to rank {what}.  {verb} {tail}."],
    }[register]
