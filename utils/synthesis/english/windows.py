"""What values over the other rows of the result are called: ranks, shares, changes, running totals."""

from __future__ import annotations

from utils.synthesis.english import functions
from utils.synthesis.english.phrases import Phrase
from utils.synthesis.english.speaker import Speaker
from utils.synthesis.intent import Call, Constant, Result, Window
from utils.synthesis.words import a, in_words, plural

_PERIODS = ("START", "YEAR", "QUARTER", "MONTH")
_PARTS = {"4": "quartile", "5": "quintile", "10": "decile", "100": "percentile"}
_TIES = {
    "ties": ", ties share a rank, with a gap after them",
    "dense": ", ties share a rank and no rank is skipped",
}


class Windows(Speaker):
    """Says windows and what is calculated of them."""

    def window(self, window: Window) -> Phrase:
        """What a window is called."""
        measure = self.phrase(window.value, self.intent.source) if window.value else Phrase("value")
        within = f" within the {self.per(window)}" if window.per else ""
        match window.function:
            case "RANKING":
                return Phrase(f"rank{within}", sort="rank", short="rank", note=self._first_place(window))
            case "PERCENTILE":
                part = _PARTS.get(window.option, "group")
                low = "highest" if window.by[0][1] else "lowest"
                head = f"{part}{within} by {self.results[window.by[0][0].name].name}"
                note = f"1 to {window.option}, 1 for the {low}{self._ties(window)}"
                if self.chosen and not within:
                    note = f"among these {self.group.many}, {note}"
                return Phrase(head, sort="rank", short=part, note=note)
            case "PREV" | "NEXT":
                same = f" of the same {self.per(window)}" if window.per == ("parent",) else within
                other = self._other_row(window)
                head = f"{measure.name} of the {other}{same}"
                if int(window.option or 1) > 1:
                    head = f"{measure.name} {other}{same}"
                elif self.alone and not same:
                    head = f"figure for the {other}"
                return Phrase(head, sort=measure.sort, column=measure.column, blank=True)
            case "RELSUM" | "RELAVG":
                return self._over_rows(window, measure, within)
            case "RELCOUNT" | "RELSIZE":
                valued = f" with {a(measure.name)}" if window.function == "RELCOUNT" and window.value else ""
                these = "these " if valued and self.chosen else ""
                in_all = "" if valued else " listed"
                note = "" if within else "the same on every row"
                return Phrase(f"number of {these}{self.group.many}{valued}{within}{in_all}", sort="count", note=note)
        raise ValueError(f"no window: {window.function}")

    def _first_place(self, window: Window) -> str:
        """What the first place is for: "1 for the highest total amount, ties by country"."""
        by, descending = self.results[window.by[0][0].name], window.by[0][1]
        if by.sort == "count":
            first = f"{'most' if descending else 'fewest'} {by.name.split('number of ', 1)[-1]}"
        elif by.sort == "date":
            first = f"the {'latest' if descending else 'earliest'} {by.name}"
        else:
            first = f"the {'highest' if descending else 'lowest'} {by.name}"
        return f"1 for {first}{_TIES.get(window.option) or self._ties(window)}"

    def _ties(self, window: Window) -> str:
        names = [self.results[result.name].name for result, _descending in window.by[1:]]
        return f", ties by {' and then '.join(names)}" if names else ""

    def _over_rows(self, window: Window, measure: Phrase, within: str) -> Phrase:
        """A total or an average over several rows of the result."""
        name, column = measure.name, measure.column
        of = "" if self.alone else f" of the {_untotalled(name)}"
        total = window.function == "RELSUM"
        if window.option == "running":
            kind = "running total" if total else "running average"
            return Phrase(f"{kind}{of}{within}", short=kind, column=column)
        if window.option:
            kind, period = "moving total" if total else "moving average", self._period(window)
            others = int(window.option) - 1
            before = f"the {in_words(others)} before it in the list" if others > 1 else "the one before it in the list"
            head = f"{in_words(others + 1)}-{period} {kind}"
            return Phrase(f"{head}{of}{within}", short=kind, note=f"over the {period} and {before}", column=column)
        if total:
            return Phrase(f"overall {_untotalled(name)}{within}", short=f"overall {name}", column=column)
        return Phrase(f"average {name}{within or f' of all {self.group.many}'}", short=f"average {name}", column=column)

    def calculated(self, call: Call, window: Window) -> Phrase:
        """What is calculated of a window: a change, a distance from the average."""
        at = self.intent.source
        first, *others = call.arguments
        if others and others[0] == window and not (window.option and window.function == "RELAVG"):
            if call.operator == "SUB" and window.function in ("PREV", "NEXT"):
                return self.change(first, window, "change")
            if call.operator == "SUB" and window.function == "RELAVG":
                head = f"difference between the {self.phrase(first, at).name} and {self.average(window)}"
                return Phrase(head, short="difference", column=self.phrase(first, at).column)
            if call.operator == "DIV" and isinstance(first, Result) and _is_total_of(window, first):
                return self.share(first, window).noted("as a fraction of 1")
        if call.operator == "DIFFERENCE":
            return functions.gap(call, *(self.phrase(one, at) for one in call.arguments))
        values = [self.phrase(one, at) for one in call.arguments if not isinstance(one, Constant)]
        names = [
            self.voice.constant(one, values[0]) if isinstance(one, Constant) else f"the {self.phrase(one, at).name}"
            for one in call.arguments
        ]
        return functions.number_function(call, values, names) or values[0]

    def percentage_of_window(self, part: object, whole: object) -> Phrase | None:
        """A percentage that people have a word for: a share of all, a percentage change; None where it is none."""
        if isinstance(part, Call) and part.operator == "SUB" and isinstance(part.arguments[1], Window):
            if part.arguments[1] == whole:
                return self.change(part.arguments[0], part.arguments[1], "percentage change")
        elif isinstance(whole, Window) and isinstance(part, Result) and _is_total_of(whole, part):
            return self.share(part, whole)
        return None

    def share(self, part: Result, whole: Window) -> Phrase:
        """What part of all a measure is."""
        measure = self.results[part.name]
        within = f" within the {self.per(whole)}" if whole.per else ""
        if measure.is_count and measure.counted:
            of = f"all {'such ' if self.scoped else ''}{measure.counted.many}"
        else:
            over = f"the total over all {self.group.many}"
            of = over if self.scoped and not within else f"the overall {_untotalled(measure.name)}"
        return Phrase(f"percentage of {of}{within}", short="percentage")

    def change(self, value: object, window: Window, what: str) -> Phrase:
        """How a measure changes from one row to the next."""
        assert isinstance(value, Result | Call | Window)
        measure = self.phrase(value, self.intent.source)
        side = self._other_row(window)
        against = f"the {side}" if int(window.option or 1) == 1 else f"the one {side}"
        of = "" if self.alone else f" in the {measure.name}"
        column = measure.column if what == "change" else None
        return Phrase(f"{what}{of} from {against}", short=what, column=column, blank=True)

    def average(self, window: Window) -> str:
        """The average that rows are compared with: "the average of all customers"."""
        if window.per:
            return f"the average for the same {self.per(window)}"
        return f"the average of all {'such ' if self.chosen else ''}{self.group.many}"

    def _other_row(self, window: Window) -> str:
        """Which row a value is taken from: "previous month", "two months before"."""
        steps, period = int(window.option or 1), self._period(window)
        before = window.function == "PREV"
        if steps == 1:
            where = "" if window.per else " in the list"
            return f"{'previous' if before else 'next'} {period}{where}"
        return f"{in_words(steps)} {plural(period)} {'before' if before else 'later'}"

    def _period(self, window: Window) -> str:
        """What the rows are that a window passes: months, customers."""
        if window.by:
            name = window.by[0][0].name
            expression = self.expressions.get(name)
            if isinstance(expression, Call) and expression.operator in _PERIODS:
                return expression.option or {"YEAR": "year"}.get(expression.operator) or self.results[name].name
        return self.group.one


def _untotalled(name: str) -> str:
    return name.removeprefix("total ").removeprefix("combined ")


def _is_total_of(window: Window, part: Result) -> bool:
    return window.function == "RELSUM" and not window.option and window.value == part
