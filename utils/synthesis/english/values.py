"""What values are called: columns, functions of them, aggregates over other rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from utils.synthesis.english import comparing, functions, shapes
from utils.synthesis.english.lexicon import Noun
from utils.synthesis.english.measures import is_vague, measured, possessed
from utils.synthesis.english.phrases import Counted, Phrase, Sort, joined, noun_phrase
from utils.synthesis.english.windows import Windows
from utils.synthesis.intent import Aggregate, Best, Call, Constant, Exists, Expression, Field, Path, Result, Window
from utils.synthesis.model import Collection, Column
from utils.synthesis.words import plural, singular

_SORTS: Mapping[str, Sort] = {
    "identifier": "identifier", "foreign_key": "identifier", "date": "date", "flag": "flag", "amount": "number",
    "measure": "number",
}  # fmt: skip
_NEVER_BLANK = ("COUNT", "SUM", "NDISTINCT")
_COMPARISONS = ("GT", "GE", "LT", "LE", "EQ", "NE", "BETWEEN", "IN")
_LONG_LABEL = 2  # words
_BETWEEN_LABELS = {"SUB": ("difference", "minus"), "DIV": ("ratio", "to")}


class Values(Windows):
    """Says values."""

    def phrase(self, expression: Expression, at: Collection) -> Phrase:
        """What a value of a row of `at` is called."""
        match expression:
            case Field():
                return self.field(expression, at)
            case Constant():
                return Phrase(self.voice.constant(expression), article=False)
            case Result():
                return self.results[expression.name]
            case Aggregate():
                return self._aggregate(expression, at)
            case Exists():
                return self._whether(expression, at)
            case Best():
                return self._best(expression, at)
            case Window():
                return self.window(expression)
            case Call():
                return self._call(expression, at)

    def field(self, field: Field, at: Collection) -> Phrase:
        """What a column is called."""
        column = field.column
        if column.role == "flag":
            owner = self.lexicon.at_end(at, field.path).one if field.path else self.owner(at)
            return Phrase(f"whether the {owner} {self.lexicon.flag(column).yes}", sort="flag", article=False)
        noun = self.lexicon.field(at, field.path, column)
        sort: Sort = "price" if column.unit == "price" else _SORTS.get(column.role, "text")
        if sort == "text" and column.kind in ("number", "date"):
            sort = "date" if column.kind == "date" else "number"
        blank = column.lacks or any(link.lacks for link in field.path)
        return Phrase(noun.one, sort=sort, many=noun.many, column=column, blank=blank)

    def key(self, expression: Expression, at: Collection) -> Phrase:
        """What groups of equal values are called: "country", "ticker type", "month"."""
        phrase = self.phrase(expression, at)
        if isinstance(expression, Call) and expression.operator == "START":
            note = functions.start_note(expression.option)
            return phrase.noted(note) if note else phrase
        if not isinstance(expression, Field):
            return phrase
        if expression.column.role == "flag":
            owner = f"{self.lexicon.at_end(at, expression.path).one} " if expression.path else ""
            return replace(phrase, head=owner + self.lexicon.flag(expression.column).noun, article=True)
        noun = self.lexicon.key(at, expression.path, expression.column)
        return replace(phrase, head=noun.one, many=noun.many)

    def _whether(self, condition: Expression, at: Collection) -> Phrase:
        return Phrase(f"whether the {self.owner(at)} {self.trait(condition, at).one}", sort="flag", article=False)

    # functions

    def _call(self, call: Call, at: Collection) -> Phrase:
        inner, digits = shapes.rounding(call)
        if digits is not None:
            return functions.rounded(self.phrase(inner, at), digits)
        if parts := shapes.percentage(call):
            return self._percentage(*parts, at)
        if rate := shapes.less_rate(call):
            return self._less_rate(*rate, at)
        if windows := shapes.windows_of(call):
            return self.calculated(call, windows[0])
        if call.operator in functions.DATE_PARTS:
            value = call.arguments[0]
            alone = self.intent.level == "groups" and isinstance(value, Field) and self._is_only_date(value, at)
            return self._of_owner(functions.date_part(call, self.phrase(value, at), alone), value, at)
        if call.operator == "DIFFERENCE":
            return functions.gap(call, *(self._date_of(one, at) for one in call.arguments))
        if call.operator == "MOVED":
            return functions.moved(call, self.phrase(call.arguments[0], at))
        if call.operator in ("IFF", "KEEP_IF", "DEFAULT_TO"):
            return self._choice(call, at)
        if label := shapes.period_label(call):
            date, kind = label
            return functions.period_label(kind, self.phrase(date, at))
        if pair := shapes.numbers_of_pair(call):
            return functions.of_a_pair(call.operator, *(self.phrase(one, at) for one in pair))
        constants = [one for one in call.arguments if isinstance(one, Constant)]
        values = [self.phrase(one, at) for one in call.arguments if not isinstance(one, Constant)]
        if call.operator in _BETWEEN_LABELS and len(values) == 2 and (labels := self._labels(call)):
            head, joint = _BETWEEN_LABELS[call.operator]
            column = values[0].column if call.operator == "SUB" else None
            return Phrase(head, short=head, note=f"{labels[0]} {joint} {labels[1]}", column=column)
        if said := functions.text_function(self.voice, call, values, constants):
            return said
        names = [self._argument(one, at, values) for one in call.arguments]
        return functions.number_function(call, values, names) or self._whether(call, at)

    def _date_of(self, date: Expression, at: Collection) -> Phrase:
        """A date with whose it is, where it is not the row's own: "customer's join date"."""
        phrase = self.phrase(date, at)
        owner = self.lexicon.at_end(at, date.path).one if isinstance(date, Field) and date.path else ""
        return replace(phrase, head=f"{owner}'s {phrase.head}") if owner and owner not in phrase.head else phrase

    def _of_owner(self, part: Phrase, date: Expression, at: Collection) -> Phrase:
        """A part of another row's date with whose it is: "customer join year", "hour of the customer's join time"."""
        owner = self.lexicon.at_end(at, date.path).one if isinstance(date, Field) and date.path else ""
        if not owner or set(owner.split()) & set(part.head.split()):
            return part
        first, of, rest = part.head.partition(" of the ")
        return replace(part, head=f"{first}{of}{owner}'s {rest}" if of else f"{owner} {part.head}")

    def _is_only_date(self, date: Field, at: Collection) -> bool:
        """Whether rows have no other date that a month could be of: one of orders is when they were placed."""
        return not date.path and len(at.of_role("date")) == 1 and self.lexicon.rows(at.name).who != "who"

    def _argument(self, expression: Expression, at: Collection, values: Sequence[Phrase]) -> str:
        """An argument of a function of numbers; by name where the result has it as a column."""
        if isinstance(expression, Constant):
            return self.voice.constant(expression, values[0] if values else None)
        for name, other in self.expressions.items():
            if other == expression and name in self.results:
                alike = [one for one in self.results.values() if one.name == self.results[name].name]
                return f"the {self.results[name].name if len(alike) == 1 else self.results[name].whole}"
        phrase = self.phrase(expression, at)
        if isinstance(expression, Result):
            return f"the {phrase.name}"
        return f"the {phrase.whole}" if phrase.article else phrase.whole

    def _labels(self, call: Call) -> tuple[str, str] | None:
        """What tells two measures apart that differ in their conditions alone: "buy" and "sell"."""
        pair = [self.expressions.get(one.name) if isinstance(one, Result) else one for one in call.arguments]
        first, second = pair
        if not isinstance(first, Aggregate) or not isinstance(second, Aggregate):
            return None
        if replace(first, where=()) != replace(second, where=()):
            return None
        said = []
        for mine, other in ((first, second), (second, first)):
            own = [one for one in mine.where if one not in other.where]
            if len(own) != 1 or not isinstance(own[0], Call) or own[0].operator != "EQ":
                return "the first", "the second"
            constant = own[0].arguments[1]
            if not isinstance(constant, Constant) or isinstance(constant.value, bool):
                return "the first", "the second"
            said.append(self.voice.constant(constant))
        long = any(len(label.split()) > _LONG_LABEL for label in said)
        return ("the first", "the second") if long else (said[0], said[1])

    def _less_rate(self, amount: Expression, rate: Expression, operator: str, at: Collection) -> Phrase:
        """An amount less or plus a part of it: "extended price net of discount"."""
        value, part = self.phrase(amount, at), self.phrase(rate, at)
        if part.column is not None and part.column.unit == "share":
            joint = "net of" if operator == "SUB" else "plus"
            head = f"{value.head} {joint} {part.head.removesuffix(' rate')}"
            return replace(value, head=head, many="", short=f"net {value.head}" if operator == "SUB" else "")
        sign = "minus" if operator == "SUB" else "plus"
        return Phrase(f"{value.head} times (1 {sign} the {part.head})", column=value.column)

    # choices

    def _choice(self, call: Call, at: Collection) -> Phrase:
        if call.operator == "DEFAULT_TO":
            phrase, fallback = self.phrase(call.arguments[0], at), call.arguments[1]
            if isinstance(fallback, Constant):
                said = self.voice.constant(fallback, phrase)
                return replace(phrase, blank=False).noted(f"{said} where there is none")
            other = self.phrase(fallback, at)
            return Phrase(f"{phrase.whole}, or else the {other.whole}", sort=phrase.sort, blank=other.blank)
        if call.operator == "KEEP_IF":
            phrase = self.phrase(call.arguments[0], at)
            said = f"only where the {self.owner(at)} {self.trait(call.arguments[1], at).one}, blank otherwise"
            return replace(phrase, blank=True).noted(said)
        cases, rest = [], call
        while True:
            condition, then, otherwise = rest.arguments
            cases.append(f"{self._chosen(then, at)} {self._case(condition, at)}")
            if not (isinstance(otherwise, Call) and otherwise.operator == "IFF"):
                break
            rest = otherwise
        note = ", ".join((*cases, f"{self._chosen(otherwise, at)} otherwise"))
        fields = [one for one in shapes.fields_of(call.arguments[0]) if not one.path]
        of = self.lexicon.column(fields[0].column).one if fields else ""
        counted = of.removeprefix("number of ")
        of = f"{singular(counted)} count" if counted != of else of
        return Phrase(f"{of} {'band' if ' per ' in of else 'level'}".strip(), sort="text", note=note)

    def _case(self, condition: Expression, at: Collection) -> str:
        """When a case holds: "if above 500" of the number that all is about, "if the order is ..." of others."""
        if isinstance(condition, Call) and condition.operator in _COMPARISONS:
            first, *others = condition.arguments
            constants = [one for one in others if isinstance(one, Constant)]
            phrase = self.phrase(first, at)
            if isinstance(first, Field) and phrase.sort in ("number", "price") and len(constants) == len(others):
                size = comparing.size(self.voice, condition.operator, self.voice.constants(constants, phrase))
                return f"if {size.removeprefix('of ')}"
        return f"if the {self.owner(at)} {self.trait(condition, at).one}"

    def _chosen(self, expression: Expression, at: Collection) -> str:
        if isinstance(expression, Constant):
            is_text = isinstance(expression.value, str)
            return self.voice.quoted(str(expression.value)) if is_text else self.voice.constant(expression)
        return f"the {self.phrase(expression, at).whole}"

    # aggregates

    def rows(self, at: Collection, path: Path, where: Sequence[Expression]) -> Counted:
        """The rows that a path of plural links leads to and that meet conditions; of no path the rows in hand."""
        if not path:
            return noun_phrase(self.lexicon.rows(at.name), self.traits(where, at))
        counted = noun_phrase(self.lexicon.of_link(path[-1]), self.traits(where, self.model.end(at, path)))
        between = [link for link in path[:-1] if not link.singular]
        if between and self.lexicon.is_place_of(at.name) and all(map(self.lexicon.is_place_noun, between)):
            return counted.then(f"in the {self.owner(at)}")
        if between:
            return counted.then(f"from the {self.owner(at)}'s {self.lexicon.of_link(between[-1]).many}")
        return counted.then(f"of the same {self.lexicon.of_link(path[-2]).one}") if len(path) > 1 else counted

    def _aggregate(self, aggregate: Aggregate, at: Collection) -> Phrase:
        aggregate = shapes.plain(aggregate)
        many, tail = shapes.split_path(aggregate.path)
        child = self.model.end(at, many)
        where = tuple(shapes.moved(one, tail) for one in aggregate.where)
        noun = self.lexicon.of_link(many[-1]) if many else self.lexicon.rows(at.name)
        rows = self.rows(at, many, where)
        over_all = not many and not where
        if aggregate.value is None:
            short = f"number of {noun.many}"
            return Phrase("number", "", "of", "count", short, rows, over_all=over_all, of_what=noun.many)
        value = shapes.moved(aggregate.value, tail)
        tells_rows = False  # whether no other rows have such a value
        if aggregate.function == "NDISTINCT":
            things = self._things(value, child)
            counted = Counted(f"different {things.one}", f"different {things.many}")
            phrase = Phrase(f"number of {counted.many}", joint="across", sort="count", counted=counted)
        else:
            phrase = measured(self.voice, aggregate.function, aggregate.option, self.phrase(value, child))
            columns = [one.column for one in shapes.fields_of(value)]
            tells_rows = bool(columns) and all(map(self.lexicon.is_telling, columns))
        if aggregate.function == "ANYTHING":
            return replace(phrase, of_what="")
        may_lack = bool(where) or any(link.lacks for link in many)
        blank = may_lack and aggregate.function not in _NEVER_BLANK
        phrase = replace(phrase, over_all=over_all, of_what=noun.many, blank=blank)
        if over_all:
            return phrase
        if isinstance(value, Field) and self._is_own(value.column, at):
            periods = [trait.when for trait in self.traits(where, child)]
            if all(periods):
                return replace(phrase, head=" ".join([phrase.head, *periods]), short=phrase.head)
        if not where and len(many) == 1 and (tells_rows or noun.one.split()[-1] in phrase.head.split()):
            return phrase
        return (
            possessed(phrase, noun.one)
            if not where and len(many) == 1 and is_vague(phrase)
            else replace(phrase, rows=rows.many)
        )

    def _is_own(self, column: Column, at: Collection) -> bool:
        """Whether a child's value is said to be the parent's own: the closing price of "the ticker"."""
        owner = self.lexicon.owner(column)
        return bool(owner) and owner.split()[-1] == self.owner(at).split()[-1]

    def _things(self, value: Expression, at: Collection) -> Noun:
        """What different values are called: of a customer ID they are customers."""
        if isinstance(value, Field):
            end = self.model.end(at, value.path)
            for link in end.singular_links:
                if [own for own, _other in link.keys] == [value.column.name]:
                    return self.lexicon.of_link(link)
            if end.key == (value.column.name,):
                return self.lexicon.rows(end.name)
            return self.lexicon.field(at, value.path, value.column)
        phrase = self.phrase(value, at)
        return Noun(phrase.head, phrase.many or plural(phrase.head))

    def _percentage(self, part: Expression, whole: Expression, at: Collection) -> Phrase:
        if over_window := self.percentage_of_window(part, whole):
            return over_window
        if (extra := shapes.extra_conditions(part, whole)) and isinstance(whole, Aggregate):
            many, tail = shapes.split_path(whole.path)
            noun = self.lexicon.of_link(many[-1]) if many else self.lexicon.rows(at.name)
            extras = self.traits([shapes.moved(one, tail) for one in extra], self.model.end(at, many))
            if whole.function == "COUNT":
                rows = self.rows(at, many, [shapes.moved(one, tail) for one in whole.where])
                over_all = not many and not whole.where
                phrase = Phrase("percentage", rows.many, short="percentage", over_all=over_all, of_what=noun.many)
                return replace(phrase, who=noun.who, that=joined(extras))
            head = f"percentage of the {self.phrase(whole, at).whole} that comes from {noun_phrase(noun, extras).many}"
            return Phrase(head, short="percentage")
        first, second = self.phrase(part, at), self.phrase(whole, at)
        name = first.name if isinstance(part, Result) else first.whole
        over = second.name if isinstance(whole, Result) else second.whole
        return Phrase(f"{name} as a percentage of the {over}", short="percentage")

    # the best of several

    def _best(self, best: Best, at: Collection) -> Phrase:
        many, tail = shapes.split_path(best.path)
        noun = self.lexicon.of_link(many[-1])
        value = self.phrase(shapes.moved(best.value, tail), self.model.end(at, many))
        counted = Counted(noun.one, noun.many)
        return replace(value, rows=self.best_rows(best, at), joint="of the", many="", counted=counted)

    def best_rows(self, best: Best, at: Collection) -> str:
        """The row that is best: "most recent transaction", "transaction with the highest amount"."""
        many, tail = shapes.split_path(best.path)
        child = self.model.end(at, many)
        row = self.rows(at, many, [shapes.moved(one, tail) for one in best.where]).one
        by, descending = self.phrase(shapes.moved(best.by[0][0], tail), child), best.by[0][1]
        if by.sort == "date":
            word = "most recent" if descending else "earliest"
            return f"{word} {row}" if len(child.of_role("date")) == 1 else f"{row} with the {word} {by.head}"
        if by.sort in ("text", "identifier"):
            return f"{row} that comes {'last' if descending else 'first'} by {by.head}"
        return f"{row} with the {'highest' if descending else 'lowest'} {by.head}"
