"""What is wrong with a question: what no person would write, and what can be read in two ways.

Each rule is a function of its own; `question_problems` says what they find, one line a problem.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

from utils.synthesis.english.words import is_plural
from utils.synthesis.intent import Aggregate, Best, Call, Constant, Exists, Expression, Intent, walk

MOST_WORDS = 60
MOST_CONDITIONS = 3
MOST_COLUMNS = 5
_REPEATED_WORDS = 6
_ABBREVIATIONS = frozenset(
    "ID IDs USA UK US EU UTC ETF ETFs VAT GDP CEO HR IT PC TV USD EUR GBP JPY CAD A Z I".split()  # noqa: SIM905
)
_COUNTS = "two three four five six seven eight nine ten eleven twelve all these those many".split()  # noqa: SIM905
_QUOTED = re.compile(r"\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)")
_VERBS = frozenset(("has", "is", "was", "does"))


def question_problems(question: str, intent: Intent) -> list[str]:
    """Everything that is wrong with a question for an intent; nothing is found in a good one."""
    return [problem for rule in RULES for problem in rule(question, intent)]


def too_long(question: str, intent: Intent) -> Iterator[str]:
    """More words than a reader keeps in mind."""
    count = len(question.split())
    if count > MOST_WORDS:
        yield f"too long: {count} words"


def too_many_conditions(question: str, intent: Intent) -> Iterator[str]:
    """More conditions than people combine; those of an OR count each, the same one in two measures once."""
    count = len(set(_conditions(intent)))
    if count > MOST_CONDITIONS:
        yield f"too many conditions: {count}"


def too_many_columns(question: str, intent: Intent) -> Iterator[str]:
    """More columns than one sentence lists well."""
    if len(intent.output) > MOST_COLUMNS:
        yield f"too many columns: {len(intent.output)}"


def mixed_or(question: str, intent: Intent) -> Iterator[str]:
    """ "a or b and c" reads in two ways; "either a or b", and values in a row ("in Canada or Mexico"), do not."""
    for sentence in _sentences(_without_values(question)):
        rest = re.sub(r"\b(?:or|and) (?:more|less|fewer|later|earlier|after|before|else)\b", "", sentence)
        rest = re.sub(
            r"(?:\b(?:VALUE|[A-Z][\w.]*|[\d.,$€%]+)(?: [A-Z][\w.]*)*,? )+or (?:VALUE|[A-Z][\w.]*|[$€]?\d)", "", rest
        )
        rest = re.sub(r"\b[a-z]+ or [a-z]+ (?=[a-z]+s\b)", "", rest)  # "active or closed accounts"
        rest = re.sub(r"\b(each|every|the) [a-z]+ or [a-z]+ (?=[a-z]+\b)", "", rest)
        either = re.search(r"\beither\b(.*?)\bor\b", rest)
        if either and " and " in either[1]:
            yield "ambiguous: and within either ... or"
        rest = re.sub(r"\beither\b.*?\bor\b", "", rest)
        if " or " in rest and (" and " in rest or " or " in rest.split(" or ", 1)[1]):
            yield "ambiguous: or beside and"


def unresolved_pronoun(question: str, intent: Intent) -> Iterator[str]:
    """A pronoun without a noun of its number before it in the sentence."""
    for sentence in _sentences(_without_values(question)):
        words = re.findall(r"[A-Za-z']+", sentence)
        for index, word in enumerate(words):
            before = [one.lower() for one in words[:index]]
            if word.lower() in ("their", "them", "they", "theirs") and not any(map(is_plural, before)):
                yield f"unresolved pronoun: {word}"
            if word.lower() in ("its", "it", "itself") and not {"a", "an", "each", "every", "the", "this"} & set(
                before
            ):
                yield f"unresolved pronoun: {word}"


def repeated_phrase(question: str, intent: Intent) -> Iterator[str]:
    """The same words in the same order twice."""
    words = _without_values(question).lower().replace(",", "").split()
    runs = Counter(tuple(words[at : at + _REPEATED_WORDS]) for at in range(len(words) - _REPEATED_WORDS + 1))
    repeated = [" ".join(run) for run, count in runs.items() if count > 1]
    if repeated:
        yield f"repeated: {repeated[0]}"


def code_like(question: str, intent: Intent) -> Iterator[str]:
    """Names of a machine's kind: with underscores, camelCase, in capitals without being a value or an abbreviation."""
    for word in re.findall(r"[A-Za-z_][\w]*", _without_values(_without_constants(question, intent))):
        if "_" in word or (re.search(r"[a-z][A-Z]", word) and word not in _ABBREVIATIONS):
            yield f"code-like: {word}"
        elif word.isupper() and word not in _ABBREVIATIONS and word != "VALUE" and len(word) > 1:
            yield f"capitals: {word}"


def doubled(question: str, intent: Intent) -> Iterator[str]:
    """A word twice in a row, or two articles."""
    text = _without_values(question)
    for word in re.findall(r"\b([A-Za-z]+) \1\b", text, re.IGNORECASE):
        yield f"doubled: {word}"
    for pair in re.findall(r"\b(?:the|an?) (?:the|an?|each|every|all)\b", text, re.IGNORECASE):
        yield f"two articles: {pair}"


def wrong_article(question: str, intent: Intent) -> Iterator[str]:
    """ "a" before a vowel, "an" before a consonant, either before a plural."""
    for article, word in re.findall(r"\b([Aa]n?) ([a-z]+)\b", _without_values(question)):
        vowel = (word[0] in "aeiou" and not re.match(r"(?:uni|use|usa|eu|one|once)", word)) or re.match(
            r"hour|honest|heir", word
        )
        if bool(vowel) != (article.lower() == "an"):
            yield f"wrong article: {article} {word}"


def wrong_number(question: str, intent: Intent) -> Iterator[str]:
    """A singular noun after a number above one, a plural after "each"."""
    text = _without_values(question)
    for word, noun in re.findall(r"\b(each|every|one) ([a-z]+)\b", text, re.IGNORECASE):
        if is_plural(noun) and noun not in _VERBS:
            yield f"wrong number: {word} {noun}"
    for word, noun in re.findall(rf"\b({'|'.join(_COUNTS[:11])}) ([a-z]+)(?=[.,?;:]|$)", text):
        if noun.isalpha() and not is_plural(noun) and noun not in ("decimals", "places"):
            yield f"wrong number: {word} {noun}"


def broken_marks(question: str, intent: Intent) -> Iterator[str]:
    """Empty brackets, brackets or quotes that are not closed, punctuation twice, blanks before it, no end."""
    if re.search(r"\(\s*\)", question):
        yield "empty brackets"
    if question.count("(") != question.count(")"):
        yield "unbalanced brackets"
    rest = re.sub(r"(?<=\w)'(?=\w)", "", re.sub(_QUOTED, "", question))
    if "'" in rest or '"' in rest:
        yield "unbalanced quotes"
    if re.search(r"[.,;:?]{2}|\s[.,;:?]|\s\s", _without_values(question)):
        yield "broken punctuation"
    if not question[:1].isupper() and question[:1].isalpha():
        yield "no capital at the start"
    if question[-1:] not in (".", "?"):
        yield "no end"


def unsaid_constant(question: str, intent: Intent) -> Iterator[str]:
    """A value that the intent compares with and the question does not name."""
    for constant in dict.fromkeys(_compared(intent)):
        if constant.kind == "text" and str(constant.value).strip():
            parts = [part for part in str(constant.value).split("%") if part] or [str(constant.value)]
            weekend = constant.value in ("Saturday", "Sunday") and "weekend" in question
            said = question[:1].lower() + question[1:]
            if not weekend and not all(part in question or part in said for part in parts):
                yield f"unsaid: {constant.value}"


Rule = Callable[[str, Intent], Iterator[str]]
RULES: tuple[Rule, ...] = (
    too_long, too_many_conditions, too_many_columns, mixed_or, unresolved_pronoun, repeated_phrase, code_like, doubled,
    wrong_article, wrong_number, broken_marks, unsaid_constant,
)  # fmt: skip


def _sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.?:])\s+", text)


def _without_values(question: str) -> str:
    """The question with VALUE for each quoted text."""
    return re.sub(_QUOTED, "VALUE", question)


def _without_constants(question: str, intent: Intent) -> str:
    texts = [str(one.value) for one in walk(intent) if isinstance(one, Constant) and one.kind == "text"]
    for text in sorted(texts, key=len, reverse=True):
        question = re.sub(rf"(?<!\w){re.escape(text)}(?!\w)", "VALUE", question)
    return question


def _conditions(intent: Intent) -> Iterator[Expression]:
    """All conditions; one on rows that meet others ("with at least one order placed in 1995") is these others."""
    for node in walk(intent):
        found: tuple[Expression, ...] = ()
        if isinstance(node, Intent):
            found = (*node.where, *node.having, *node.kept)
        elif isinstance(node, Aggregate | Exists | Best):
            found = node.where
        for leaf in _leaves(found):
            inner = [one for one in walk(leaf) if isinstance(one, Aggregate | Exists)]
            if not any(one.where for one in inner):
                yield leaf


def _leaves(conditions: tuple[Expression, ...]) -> Iterator[Expression]:
    for one in conditions:
        if isinstance(one, Call) and one.operator in ("AND", "OR", "NOT"):
            if _is_period(one):
                yield one
            else:
                yield from _leaves(one.arguments)
        else:
            yield one


def _is_period(call: Call) -> bool:
    """Whether it names one span of time, such as a month of a year."""
    parts = [one.arguments[0] for one in call.arguments if isinstance(one, Call) and one.arguments]
    fields = [one.arguments[0] if isinstance(one, Call) and one.arguments else one for one in parts]
    return call.operator == "AND" and len(fields) == len(call.arguments) and all(one == fields[0] for one in fields)


def _compared(intent: Intent) -> Iterator[Constant]:
    for condition in _conditions(intent):
        if isinstance(condition, Call):
            yield from (one for one in walk(condition) if isinstance(one, Constant))
