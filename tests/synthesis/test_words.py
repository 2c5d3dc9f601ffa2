"""Plurals, articles, numbers, days and periods."""

from __future__ import annotations

from datetime import date

import pytest

from tests.synthesis.english_support import field, is_
from utils.synthesis.english import times
from utils.synthesis.english.periods import date_of, period
from utils.synthesis.intent import Call, Expression
from utils.synthesis.words import a, figures, in_words, is_plural, listed, ordinal, plural, sentence, singular

ORDERED = field("orders.order_date")
YEAR, MONTH, QUARTER = (Call(part, (ORDERED,)) for part in ("YEAR", "MONTH", "QUARTER"))
WEEKDAY, HOUR = Call("DAYNAME", (ORDERED,)), Call("HOUR", (ORDERED,))


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("customer", "customers"),
        ("account status", "account statuses"),
        ("number of shares", "numbers of shares"),
        ("price per share", "prices per share"),
        ("day of the week", "days of the week"),
        ("company", "companies"),
        ("customer ID", "customer IDs"),
        ("person", "people"),
        ("series", "series"),
        ("trading data", "trading data"),
    ],
)
def test_plurals_and_back(one: str, many: str) -> None:
    assert plural(one) == many
    assert plural(many) == many
    assert singular(many) == one
    assert singular(one) == one


def test_single_words_that_are_plurals() -> None:
    assert [word for word in ("orders", "status", "address", "people", "gas", "IDs", "s") if is_plural(word)] == [
        "orders",
        "people",
        "IDs",
    ]


@pytest.mark.parametrize("said", ["an order", "a unit", "an hour", "a customer ID", "an ID", "a European customer"])
def test_articles(said: str) -> None:
    assert a(said.split(" ", 1)[1]) == said


def test_numbers() -> None:
    assert [figures(one) for one in (7, 12345, 0.5, 1234.50, 3.0)] == ["7", "12,345", "0.5", "1,234.5", "3"]
    assert [in_words(one) for one in (3, 12, 13, 2500)] == ["three", "twelve", "13", "2,500"]
    assert [ordinal(one) for one in (1, 3, 12, 21)] == ["first", "third", "twelfth", "21st"]


def test_lists_and_sentences() -> None:
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"], "or")] == ["a", "a and b", "a, b or c"]
    assert sentence("  which  orders , if any ?") == "Which orders, if any?"


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ([is_("EQ", YEAR, 2023)], "in 2023"),
        ([is_("IN", YEAR, 2022, 2023)], "in 2022 or 2023"),
        ([is_("BETWEEN", YEAR, 2021, 2023)], "from 2021 to 2023"),
        ([is_("EQ", YEAR, 2023), is_("EQ", MONTH, 6)], "in June 2023"),
        ([is_("EQ", YEAR, 2023), is_("EQ", QUARTER, 1)], "in the first quarter of 2023"),
        ([is_("GE", ORDERED, "2023-01-01"), is_("LT", ORDERED, "2023-04-01")], "in the first quarter of 2023"),
        ([is_("GE", ORDERED, "2022-01-01"), is_("LT", ORDERED, "2023-01-01")], "in 2022"),
        ([is_("GE", ORDERED, "2022-07-01"), is_("LT", ORDERED, "2023-01-01")], "in the second half of 2022"),
        ([is_("GE", ORDERED, "2022-11-01"), is_("LT", ORDERED, "2023-02-01")], "from November 2022 to January 2023"),
        ([is_("BETWEEN", ORDERED, "2023-03-05", "2023-03-09")], "from 5 March 2023 to 9 March 2023"),
        ([is_("EQ", ORDERED, "2023-03-05")], "on 5 March 2023"),
        ([is_("GE", ORDERED, "2022-06-01")], "in June 2022 or later"),
        ([is_("GE", ORDERED, "2022-06-05")], "on or after 5 June 2022"),
        ([is_("GT", ORDERED, "2022-06-05")], "after 5 June 2022"),
        ([is_("LT", ORDERED, "2022-01-01")], "before 2022"),
        ([is_("LE", ORDERED, "2022-06-05")], "on or before 5 June 2022"),
        ([is_("EQ", MONTH, 12)], "in December of any year"),
        ([is_("EQ", QUARTER, 4)], "in the fourth quarter of any year"),
        ([is_("IN", WEEKDAY, "Saturday", "Sunday")], "on a weekend"),
        ([is_("IN", WEEKDAY, "Monday", "Friday")], "on a Monday or Friday"),
        ([is_("LT", HOUR, 9)], "before 9:00"),
        ([is_("NE", YEAR, 2023)], "outside 2023"),
        ([is_("NE", WEEKDAY, "Monday")], "not on a Monday"),
        ([is_("EQ", YEAR, 2023), is_("IN", WEEKDAY, "Saturday", "Sunday")], "in 2023 on a weekend"),
    ],
)
def test_periods_as_people_say_them(conditions: list[Expression], said: str) -> None:
    assert {date_of(one) for one in conditions} == {ORDERED}
    assert period(conditions, ORDERED, times.day_first) == said


def test_what_is_no_period() -> None:
    assert date_of(is_("GT", field("orders.due_date"), ORDERED)) is None
    assert date_of(is_("EQ", field("orders.channel"), "web")) is None
    assert date_of(is_("GT", MONTH, 5)) is None


def test_days_in_three_manners() -> None:
    assert [text(date(2023, 3, 5)) for text in times.DAY_TEXTS] == ["5 March 2023", "March 5, 2023", "2023-03-05"]
