"""Questions for the first few of rows or groups, of all or within each of others."""

from __future__ import annotations

from dataclasses import replace

from utils.synthesis.english import ordering
from utils.synthesis.english.items import columns_listed, named_before, taken_over, told_apart
from utils.synthesis.english.parts import as_headline, names_rows, over_rows, show, taken_over_all
from utils.synthesis.english.phrases import Counted, Phrase, noun_phrase
from utils.synthesis.english.plan import Plan, Top
from utils.synthesis.english.voice import Voice
from utils.synthesis.words import in_words, listed, ordinal

_SHORT_LIST = 12  # words
_OPEN_CLAUSES = frozenset(("of", "for", "with", "without", "have", "who", "that", "whose"))


def first_few(plan: Plan, voice: Voice, register: str) -> list[str]:
    """Wordings of a question for the first few of all."""
    top = plan.top
    assert top is not None
    lead, phrase, columns = _decided(plan, voice, top)
    direction, order = _order(plan, voice, top, phrase)
    tail = "".join(f", {part}" for part in (direction, *_ties(plan, voice, top)) if part)
    if phrase.sort in ("text", "identifier") and not top.exact:
        wordings = _by_place(plan, top, lead, columns, voice, register)
    elif _reads_better_apart(plan, top, phrase, register, lead):
        wordings = _among(plan, top, phrase, lead, columns, tail, voice, register)
    else:
        wordings = _in_one(plan, top, phrase, lead, columns, tail, voice, register)
    return [wording + order for wording in wordings]


def _order(plan: Plan, voice: Voice, top: Top, phrase: Phrase) -> tuple[str, str]:
    """Which comes first, in a word where they come as they are counted; else their order as a sentence."""
    counted = plan.intent.limit is not None or (plan.order and plan.order[0][0].sort == "rank")
    if counted:
        alone = sum(one.sort in ("count", "number", "price") for one in plan.columns.values()) < 2
        return "" if top.number == 1 or top.exact else ordering.direction(phrase, top.descending, alone), ""
    return "", f"  sort {ordering.sorted_by(voice, plan.order)}." if plan.order else ""


def _reads_better_apart(plan: Plan, top: Top, phrase: Phrase, register: str, lead: str) -> bool:
    """Whether so much is said of the rows that what the first few have does not go well with it."""
    if top.exact or not plan.traits or not ordering.has_superlative(phrase):
        return False
    return bool(_OPEN_CLAUSES & set(plan.rows.many.split())) or (register == "context" and not lead)


def _in_one(
    plan: Plan, top: Top, phrase: Phrase, lead: str, columns: list[Phrase], tail: str, voice: Voice, register: str
) -> list[str]:
    """The question for the first few in one: "Which five customers have the most orders?" """
    few, asked = _few(plan.rows, top, phrase)
    plain = columns_listed(columns)
    outs, bare = f"{plain}{tail}", f"{columns_listed(columns, articles=False)}{tail}"
    is_short = len(outs.split()) <= _SHORT_LIST
    verb = show(voice)
    match register:
        case "imperative":
            short = [f"{lead}{verb} {plain} of {few}{tail}."] if is_short else []
            return [f"{lead}find {few}.  {verb} {outs}.", *short]
        case "interrogative":
            return [f"{lead}{asked}?  {verb} {outs}."]
        case "terse":
            wordings = [f"{lead}{few}: {bare}."]
            if top.descending and top.number > 1 and ordering.has_superlative(phrase) and not taken_over(phrase):
                wordings.append(f"{lead}top {top.number} {plan.rows.many} by {phrase.bare}: {bare}.")
            return wordings if not top.exact else wordings[:1]
        case "report":
            short = [f"{lead}we need {plain} of {few}{tail}."] if is_short else []
            return [f"{lead}please report {few}, showing {outs}.", *short]
        case "conversational":
            wish = f"{lead}I'd like to know {asked}.  Please {verb} {outs}."
            return [f"{lead}can you tell me {asked}?  I need {outs}.", wish]
    return [f"{lead}find {few}.  {verb} {outs}."]


def _asked(rows: Counted, number: int, phrase: Phrase, descending: bool) -> str:
    """The question which they are: "which five customers have the most orders"."""
    if not ordering.has_superlative(phrase):
        return f"what {'are' if number > 1 else 'is'} {ordering.first_few(rows, number, phrase, descending)}"
    most = ordering.superlative(phrase, descending)
    return f"which {in_words(number)} {rows.many} have {most}" if number > 1 else f"which {rows.one} has {most}"


def _among(
    plan: Plan, top: Top, phrase: Phrase, lead: str, columns: list[Phrase], tail: str, voice: Voice, register: str
) -> list[str]:
    """The question for the first few with what is said of the rows first: "Among all ..., find the five with ..." """
    rows, most = plan.rows.many, ordering.superlative(phrase, top.descending)
    count, verb_of = (in_words(top.number), "have") if top.number > 1 else ("one", "has")
    few, asked = f"the {count} with {most}", f"which {count} {verb_of} {most}"
    outs, bare = f"{columns_listed(columns)}{tail}", f"{columns_listed(columns, articles=False)}{tail}"
    among = f"{lead}{'and ' if lead else ''}among all {rows}"
    verb = show(voice)
    match register:
        case "interrogative":
            return [f"{among}, {asked}?  {verb} {outs}."]
        case "terse":
            return [f"{as_headline(lead)}of all {rows}, {few}: {bare}."]
        case "report":
            return [f"{among}, please report {few}, showing {outs}."]
        case "conversational":
            return [f"{among}, can you tell me {asked}?  I need {outs}."]
        case "context":
            return [f"{lead}take all {rows}.  Find {few} and {verb} {outs}."]
    return [f"{among}, find {few}.  {verb} {outs}."]


def _by_place(plan: Plan, top: Top, lead: str, columns: list[Phrase], voice: Voice, register: str) -> list[str]:
    """The question for the first few by what tells rows apart: "Of all ..., take the first five by order number"."""
    rows, one = plan.rows.many, top.number == 1
    by = " and then ".join(ordering.by_name(phrase, descending) for phrase, descending in top.order)
    first = "first" if one else f"first {in_words(top.number)}"
    outs, bare = columns_listed(columns), columns_listed(columns, articles=False)
    verb = show(voice)
    if len(columns) == 1 and not top.descending and not one:
        few = f"the first {in_words(top.number)} {ordering.plural_of(columns[0])} of all {rows}"
        return [f"{lead}{verb} {few}.", f"{lead}what are {few}?"] if register != "terse" else [f"{lead}{few}."]
    match register:
        case "interrogative":
            asked = "which is" if one else "who are" if plan.noun.person else "what are"
            return [f"{lead}of all {rows}, {asked} the {first} by {by}?  {verb} {outs}."]
        case "terse":
            return [f"{lead}of all {rows}, the {first} by {by}: {bare}."]
        case "report":
            return [f"{lead}please list the {first} {plan.rows.one if one else rows}, by {by}, showing {outs}."]
        case "conversational" if plan.traits:
            return [f"{lead}can you take all {rows} and give me the {first} by {by}?  I need {outs}."]
        case "context" if plan.traits:
            return [f"{lead}take all {rows}, sorted by {by}.  For the {first}, {verb} {outs}."]
    return [f"{lead}of all {rows}, take the {first} by {by} and {verb} {outs}."]


def _decided(plan: Plan, voice: Voice, top: Top) -> tuple[str, Phrase, list[Phrase]]:
    """Words on the rows that are measured, the value that decides with what it is taken over, and the columns."""
    phrase = top.order[0][0]
    front = ""
    shown = plan.columns_of_subject
    measures = [one for one in shown.values() if one not in plan.keys]
    if plan.keys:
        apart = sum(one.over_all for one in measures) > 1 or not phrase.over_all
        front, _ = over_rows(plan, voice, measures if apart else [phrase], apart)
    columns = []
    for name, one in shown.items():
        alike = [other for other in shown.values() if other.name == one.name]
        if name == top.decides and len(alike) > 1:
            columns.append(replace(named_before(one), head=f"that {one.name}", short="", article=False, note=one.note))
        elif one in plan.keys or name == top.decides:
            columns.append(replace(named_before(one), note=one.note))
        elif plan.keys and one.over_all and not front and not plan.scope and not names_rows(plan, one):
            columns.append(taken_over_all(plan, one))
        else:
            columns.append(one)
    if plan.keys and phrase.over_all and not front and (plan.scope or not names_rows(plan, phrase)):
        phrase = taken_over_all(plan, phrase)
    said = " ".join(trait.many for trait in plan.traits)
    if taken_over(phrase) and taken_over(phrase) in said:
        such = f"such {phrase.name.split('number of ', 1)[-1]}"
        phrase = replace(phrase, counted=Counted(such, such)) if phrase.is_count else named_before(phrase)
    columns = [replace(one, head="rank", note="") if one.short == "rank" else one for one in columns]
    return f"{front}, " if front else "", phrase, told_apart(columns, plan.noun.one)


def _ties(plan: Plan, voice: Voice, top: Top) -> list[str]:
    """How ties are broken; where they are not, a remark says so."""
    if top.ties:
        plan.remarks.append("Equal values share a place" + (", and no place is skipped" if top.ties == "dense" else ""))
        return []
    if top.number == 1 and top.order[1:] and not top.exact:
        by = " and then ".join(ordering.by_name(phrase, descending) for phrase, descending in top.order[1:])
        if len(top.order) == 2 and ordering.is_period(top.order[1][0]):
            plan.remarks.append(f"If several tie, take the earliest {top.order[1][0].name}")
            return []
        plan.remarks.append(f"If several tie, take the first by {by}")
        return []
    said = ordering.ties(voice, top.order[1:])
    return [said] if said else []


def first_few_within(plan: Plan, voice: Voice, register: str) -> list[str]:
    """Wordings of a question for the first few within each of others."""
    top = plan.top
    assert top is not None
    lead, phrase, columns = _decided(plan, voice, top)
    per = listed([one.head for one in top.per])
    outs, bare = columns_listed(columns), columns_listed(columns, articles=False)
    tail = "".join(f", {part}" for part in _ties(plan, voice, top))
    few, asked = _few(_inner(plan, top), top, phrase)
    order = f"  sort {ordering.sorted_by(voice, plan.order)}." if plan.order else ""
    verb = show(voice)
    match register:
        case "imperative":
            return [f"{lead}for each {per}, find {few}{tail}.  {verb} {outs}.{order}"]
        case "interrogative":
            return [f"{lead}for each {per}, {asked}?  {verb} {outs}{tail}.{order}"]
        case "terse":
            return [f"{as_headline(lead)}for each {per}, {few}: {bare}{tail}.{order}"]
        case "report":
            return [f"{lead}please report {few} for each {per}, showing {outs}{tail}.{order}"]
        case "conversational":
            return [f"{lead}can you tell me {asked} for each {per}?  I need {outs}{tail}.{order}"]
    return [f"{lead}within each {per}, find {few}{tail}.  {verb} {outs}.{order}"]


def _inner(plan: Plan, top: Top) -> Counted:
    """What is ranked within each of the others: rows, or groups by the other keys."""
    outer = {one.head for one in top.per}
    inner = [key for key in plan.keys if key.head not in outer]
    if not inner:
        return plan.rows
    name = listed([key.head for key in inner])
    many = ordering.plural_of(inner[0]) if len(inner) == 1 else f"combinations of {name}"
    return noun_phrase(replace(plan.subject, one=name, many=many), plan.traits)


def _few(rows: Counted, top: Top, phrase: Phrase) -> tuple[str, str]:
    """The first few, as a noun phrase and as a question."""
    if top.exact:
        place = f"{ordinal(top.number)} by {phrase.whole}{'' if top.descending else ', lowest first'}"
        return f"the {rows.one} that comes {place}", f"which {rows.one} comes {place}"
    few = ordering.first_few(rows, top.number, phrase, top.descending)
    return few, _asked(rows, top.number, phrase, top.descending)
