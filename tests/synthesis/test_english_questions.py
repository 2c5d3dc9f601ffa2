"""Whole questions: one a family word for word, and what holds for all of them."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest

from tests.synthesis.english_support import (
    BANK,
    INTENTS,
    SHOP,
    SHOP_HINTS,
    ask,
    at,
    clauses,
    constant,
    field,
    is_,
    path,
)
from utils.synthesis.english import render_question
from utils.synthesis.english.frames import REGISTERS
from utils.synthesis.english.lexicon import NoWordsError
from utils.synthesis.english.planning import plan_of
from utils.synthesis.hints import Hints
from utils.synthesis.intent import Aggregate, Call, Constant, Exists, Expression, Field, Intent, Result, Window
from utils.synthesis.question_lint import question_problems
from utils.synthesis.sampling import Sampler

SAID = {
    ("list", "imperative"): "Show the name, country and join date of each active customer who joined since 2022, sorted by "
    "join date, latest first, then by name.",
    ("list, first few", "context"): "Take all orders of customers in Canada. Find the five with the highest order total and "
    "show the order ID and order total, highest first, ties by order ID.",
    ("per_parent", "report"): "Please list the customer ID, the name, the number of orders and the average order total for "
    "all customers, most orders first, ties by customer ID. Include customers without any orders.",
    ("per_parent, having", "interrogative"): "Which customers have at least three orders placed in 2022? Show the name and "
    "the number of such orders.",
    ("groups", "conversational"): "Among orders placed in 2022, I'd like to see the number of orders and the average order "
    "total (rounded to cents) by order channel, most orders first, ties by order channel.",
    ("groups, having", "interrogative"): "Which customer countries have a combined order total above $5,000? Show the "
    "customer country and combined order total, sorted alphabetically by customer country.",
    ("groups, first few", "terse"): "The three order months with the highest combined order total of orders with channel 'web': "
    "order month (shown as its first day) and combined order total, highest first, ties by order month.",
    ("whole", "interrogative"): "How many customers in Japan have no orders?",
    ("whole, percentage", "context"): "Of all orders placed in 2022, what percentage have channel 'web', rounded to one "
    "decimal?",
    ("whole, several", "interrogative"): "Can you give the number of orders with channel 'web', their combined order total and "
    "the number of different customers among them?",
    ("share", "interrogative"): "What percentage of all orders does each order channel account for, rounded to two decimals? "
    "Show the order channel, the number of orders and the percentage, most orders first, ties by order channel.",
    ("rank", "imperative"): "Rank order channels by combined order total (highest first; equal values share a rank and no "
    "rank is skipped). Show the order channel, combined order total and rank, sorted by rank, then by order channel.",
    ("rank within", "interrogative"): "For each country, which three customers have the highest credit limit? Show the "
    "country, name and credit limit, ties by customer ID. Sort alphabetically by country, then by rank.",
    ("change", "imperative"): "For each order month (shown as its first day), show the combined order total and the "
    "change from the previous month in the list, in chronological order.",
    ("running", "terse"): "For each order month (shown as its first day): the number of orders placed in 2022 and the "
    "running total, in chronological order.",
    ("above_average", "interrogative"): "Which active customers have a credit limit above the average of all such customers? "
    "Show the name and credit limit, sorted by credit limit, highest first, then by name.",
    ("best", "imperative"): "For each customer with at least one order, find the order with the most recent order date and "
    "show the name and that order's date and total, sorted alphabetically by name. If several tie, take the one "
    "with the lowest order ID.",
    ("presence", "interrogative"): "Which customers have at least one order with channel 'web' but none with channel "
    "'phone'? Show the customer ID and name.",
    ("two_level", "interrogative"): "What is the average number of orders per customer? Count customers without any orders as 0.",
    ("bucket", "interrogative"): "How many orders are there for each order total level ('high' if at least $90, 'low' "
    "otherwise)?",
    ("text", "terse"): "All chair products: name and first three characters of the name.",
    ("gap", "interrogative"): "Among all orders with status 'P', which ten have the highest number of days from the order "
    "date to the due date? Show the order ID and number of days, highest first, ties by order ID.",
    ("compare", "report"): "We need the number of orders with channel 'web', the number with channel 'phone' and "
    "the difference ('web' minus 'phone') by order month (shown as its first day).",
}  # fmt: skip


@pytest.mark.parametrize(("name", "register"), SAID)
def test_questions_word_for_word(name: str, register: str) -> None:
    assert ask(INTENTS[name], register) == SAID[name, register]


def test_each_family_has_its_sentence() -> None:
    families = {"list", "per_parent", "groups", "whole", "share", "rank", "change", "running", "above_average", "best",
                "presence", "two_level", "bucket", "text", "gap", "compare"}  # fmt: skip
    assert families == {INTENTS[name].family for name, _register in SAID}


@pytest.mark.parametrize("register", REGISTERS)
@pytest.mark.parametrize("name", INTENTS)
def test_all_registers_say_all_columns_and_pass_the_linter(name: str, register: str) -> None:
    for seed in range(12):
        intent = INTENTS[name]
        dice = random.Random(seed)
        question = ask(intent, register, dice)
        assert question_problems(question, intent) == []
        said = set(re.findall(r"[\w-]+", question.lower()))
        for phrase in plan_of(clauses(intent, random.Random(seed))).columns.values():
            words = set(re.findall(r"[\w-]+", phrase.name.lower())) - {"number", "of"}  # "how many"
            assert words <= said | {f"{word}s" for word in said} | {word.removesuffix("s") for word in said}, question


def test_questions_follow_from_their_dice_alone() -> None:
    for intent in INTENTS.values():
        questions = {render_question(intent, SHOP, SHOP_HINTS, random.Random(5)) for _ in range(3)}
        assert len(questions) == 1


def test_one_intent_has_many_wordings() -> None:
    questions = {render_question(INTENTS["groups"], SHOP, SHOP_HINTS, random.Random(seed)) for seed in range(60)}
    assert len(questions) >= 30


def test_questions_sampled_over_a_model_read_well() -> None:
    """Of intents as they are drawn few have more than a sentence holds, and no question has any other fault."""
    for hints in (SHOP_HINTS, Hints()):
        sampler, asked, refused = Sampler(SHOP, 3), 0, 0
        while asked < 400:
            if (intent := sampler.draw()) is None:
                continue
            question = render_question(intent, SHOP, hints, random.Random(asked))
            problems = question_problems(question, intent)
            assert {one.split(":")[0] for one in problems} <= {"too long", "too many conditions", "repeated"}, question
            assert "_" not in question.replace("'_'", "").replace('"_"', "")
            asked, refused = asked + 1, refused + bool(problems)
        assert refused <= 0.06 * asked


def test_poor_names_are_never_said() -> None:
    sampler, asked = Sampler(BANK, 1), 0
    identifiers = {name.lower() for one in BANK.collections.values() for name in (one.name, *one.columns)} - {"amt"}
    while asked < 150:
        if (intent := sampler.draw()) is None:
            continue
        try:
            question = render_question(intent, BANK, Hints(), random.Random(asked))
        except NoWordsError:
            continue
        asked += 1
        assert not identifiers & set(re.findall(r"\w+", question.lower())), question
        assert "acct" not in question and "amt" not in question


# what the tree says, and the text must say too

ORDERS = path("customers", "orders")
CHANNEL = ("channel", field("orders.channel"))
COUNT = ("n", Aggregate("COUNT"))


def grouped(*columns: tuple[str, Expression], **more: object) -> Intent:
    names = tuple(name for name, _ in (CHANNEL, *columns, *more.get("windows", ())))  # type: ignore[misc,attr-defined]
    return Intent("groups", at("orders"), "groups", names, (), (CHANNEL,), columns, **more)  # type: ignore[arg-type]


def measure(function: str, value: Expression | None = None, option: str = "", *where: Expression) -> str:
    """What an aggregate over orders is called."""
    intent = grouped(("m", Aggregate(function, (), where, value, option)))
    return ask(intent, "imperative").removeprefix("Show ").removesuffix(" for each order channel.")


@pytest.mark.parametrize(
    ("function", "value", "option", "said"),
    [
        ("COUNT", None, "", "the number of orders"),
        ("SUM", "orders.total", "", "the combined order total"),
        ("AVG", "orders.discount_rate", "", "the average discount rate of orders"),
        ("MEDIAN", "orders.total", "", "the median order total"),
        ("MIN", "orders.order_date", "", "the earliest order date"),
        ("MAX", "orders.total", "", "the highest order total"),
        ("STD", "orders.total", "", "the sample standard deviation of the order total"),
        ("VAR", "orders.discount_rate", "", "the sample variance of the discount rate across orders"),
        ("QUANTILE", "orders.total", "0.9", "the 90th percentile of the order total"),
        ("NDISTINCT", "orders.customer_id", "", "the number of different customers across orders"),
    ],
)
def test_measures(function: str, value: str | None, option: str, said: str) -> None:
    assert measure(function, field(value) if value else None, option) == said


def test_measures_of_some_rows() -> None:
    web = is_("EQ", field("orders.channel"), "web")
    assert measure("COUNT", None, "", web) == "the number of orders with channel 'web'"
    assert measure("SUM", field("orders.total"), "", web) == "the combined order total of orders with channel 'web'"


def test_an_amount_less_a_rate() -> None:
    net = Call("MUL", (field("orders.total"), Call("SUB", (Constant(1), field("orders.discount_rate")))))
    assert measure("SUM", net) == "the combined order total net of discount"


def test_values_kept_by_a_condition_are_rows_that_meet_it() -> None:
    web = is_("EQ", field("orders.channel"), "web")
    kept = Call("KEEP_IF", (field("orders.total"), web))
    counted = Call("IFF", (web, Constant(1), Constant(0)))
    assert measure("AVG", kept) == "the average order total of orders with channel 'web'"
    assert measure("SUM", counted) == "the number of orders with channel 'web'"


VALUES: list[tuple[str, Expression, str]] = [
    ("customers", Call("UPPER", (field("customers.name"),)), "name (in capitals)"),
    ("customers", Call("LENGTH", (field("customers.name"),)), "number of characters in the name"),
    ("customers", Call("SLICE", (field("customers.name"), Constant(0), Constant(1))), "first letter of the name"),
    ("customers", Call("GETPART", (field("customers.name"), constant(" "), Constant(-1))), "last word of the name"),
    ("customers", Call("GETPART", (field("customers.phone"), constant("-"), Constant(1))), "part of the phone before the '-'"),
    ("customers", Call("JOIN", (constant(", "), field("customers.name"), field("customers.country"))), "name and country combined (as 'Name, Country')"),
    ("customers", Call("REPLACE", (field("customers.name"), constant(" "), constant("-"))), "name with each blank replaced by '-'"),
    ("customers", Call("STRCOUNT", (field("customers.name"), constant(" "))), "number of blanks in the name"),
    ("customers", Call("LPAD", (field("customers.name"), Constant(8), constant("."))), "name padded on the left with '.' to 8 characters"),
    ("customers", Call("DEFAULT_TO", (field("customers.phone"), constant("none"))), "phone ('none' where there is none)"),
    ("orders", Call("SUB", (field("orders.total"), Constant(10))), "order total minus $10"),
    ("orders", Call("ROUND", (field("orders.total"), Constant(0))), "order total (rounded to a whole number)"),
    ("orders", Call("FLOOR", (field("orders.total"),)), "order total (rounded down to a whole number)"),
    ("orders", Call("SMALLEST", (field("orders.total"), Constant(100))), "smaller of the order total and $100"),
    ("orders", Call("DIFFERENCE", (field("orders.order_date"), field("orders.due_date")), "months"),
     "number of calendar months from the order date to the due date"),
    ("orders", Call("MOVED", (field("orders.order_date"), Constant(30)), "days"), "day 30 days after the order date"),
    ("orders", Call("MONTH", (field("orders.order_date"),)), "order month (1 to 12)"),
    ("orders", Call("DAYNAME", (field("orders.order_date"),)), "weekday of the order date"),
    ("orders", Call("IFF", (is_("GE", field("orders.total"), 90), constant("big"),
                            Call("IFF", (is_("GE", field("orders.total"), 50), constant("middle"), constant("small"))))),
     "order total level ('big' if at least $90, 'middle' if at least $50, 'small' otherwise)"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "value", "said"), VALUES)
def test_functions_of_values(source: str, value: Expression, said: str) -> None:
    intent = Intent("list", at(source), "rows", ("v",), columns=(("v", value),))
    assert ask(intent, "report") in [f"Please list the {said} {of} all {source}." for of in ("of", "for")]


def window(function: str, *, by: bool = True, option: str = "", call: str = "", per: tuple[str, ...] = ()) -> str:
    """What a window over orders of channels and months is called."""
    order = ((Result("month"), False),) if by else ()
    value: Expression = Window(function, Result("revenue"), order, per, option)
    if call:
        value = Call(call, (Result("revenue"), value))
    keys = (CHANNEL, ("month", Call("START", (field("orders.order_date"),), "month")))
    columns = (COUNT, ("revenue", Aggregate("SUM", (), (), field("orders.total"))))
    intent = Intent(
        "change",
        at("orders"),
        "groups",
        ("channel", "month", "n", "revenue", "w"),
        (),
        keys,
        columns,
        windows=(("w", value),),
    )
    return plan_of(clauses(intent)).columns["w"].text


def test_windows() -> None:
    assert window("PREV") == "combined order total of the previous month in the list"
    assert window("NEXT") == "combined order total of the next month in the list"
    assert window("PREV", call="SUB") == "change in the combined order total from the previous month in the list"
    assert window("PREV", call="SUB", option="12") == (
        "change in the combined order total from the one twelve months before"
    )
    assert window("RELSUM", option="running") == "running total of the order total"
    assert window("RELAVG", option="3") == (
        "three-month moving average of the order total (over the month and the two before it in the list)"
    )
    assert window("RELAVG", by=False, per=("channel",)) == "average combined order total within the order channel"
    assert window("RELAVG", by=False, call="SUB") == (
        "difference between the combined order total and the average of all combinations of order channel and order month"
    )


NAME, ID = ("name", field("customers.name")), ("id", field("customers.customer_id"))
LIMIT, REVENUE = (
    ("limit", field("customers.credit_limit")),
    ("revenue", Aggregate("SUM", (), (), field("orders.total"))),
)
NUMBER, TOTAL = ("number", field("orders.order_id")), ("total", field("orders.total"))
FIFTHS = Window("PERCENTILE", None, ((Result("limit"), True), (Result("id"), False)), (), "5")
PLACE = Window("RANKING", None, ((Result("revenue"), True), (Result("channel"), False)))
OF_SAME = path("orders", "customer", "orders")
VIA = at("customers").links["orders"]
MONTH_KEY = ("month", Call("START", (field("orders.order_date"),), "month"))
# Trees that no family draws.
RARE: list[tuple[Intent, str]] = [
    (
        Intent("", at("customers"), "rows", ("name",), columns=(NAME, LIMIT, ID), windows=(("part", FIFTHS),), kept=(is_("EQ", Result("part"), 1),)),
        "Which customers are in quintile 1 by credit limit (1 to 5, 1 for the highest, ties by customer ID)? Show the name.",
    ),
    (
        Intent("", at("orders"), "groups", ("channel", "n"), (), (CHANNEL,), (COUNT,),
               kept=(is_("GT", Call("DIV", (Call("MUL", (Constant(100), Result("n"))), Window("RELSUM", Result("n")))), 20),)),
        "Which order channels have more than 20% of all orders? Show the order channel and the number of orders.",
    ),
    (
        Intent("", at("orders"), "groups", ("channel", "revenue"), (), (CHANNEL,), (REVENUE,), windows=(("place", PLACE),),
               kept=(is_("EQ", Result("place"), 2),)),
        "Which order channel comes second by combined order total? Show the order channel and combined order total, ties by order channel.",
    ),
    (
        Intent("", at("orders"), "rows", ("number",), (is_("GT", field("orders.total"), Aggregate("AVG", OF_SAME, (), field("orders.total"))),), columns=(NUMBER,)),
        "Which orders have an order total above the average order total of orders of the same customer? Show the order ID.",
    ),
    (
        Intent("", at("orders"), "rows", ("number", "total"), columns=(NUMBER, TOTAL), via=VIA, windows=(
            ("place", Window("RANKING", None, ((Result("total"), True), (Result("number"), False)), ("parent",))),), kept=(is_("LE", Result("place"), 2),)),
        "For each customer, which two orders have the highest order total? Show the order ID and order total, ties by order ID.",
    ),
    (
        Intent("", at("orders"), "rows", ("number", "days"), columns=(NUMBER, ("date", field("orders.order_date"))), via=VIA, windows=(
            ("days", Call("DIFFERENCE", (Window("PREV", Result("date"), ((Result("date"), False),), ("parent",)), Result("date")), "days")),)),
        "For each order, can you list the order ID and the number of days from the order date of the previous order of the same customer to the order date?",
    ),
    (
        Intent("", at("customers"), "rows", ("name", "first"), columns=(NAME, ("first", Aggregate("MIN", ORDERS, (), field("orders.order_date")))),
               where=(Exists(ORDERS),), order=(("first", False), ("name", False)), limit=5),
        "What are the first five customers with at least one order by earliest order date? Show the name and earliest order date, earliest first, ties by name.",
    ),
    (
        Intent("", at("orders"), "groups", ("many",), (), (CHANNEL,), (COUNT,), (is_("GE", Result("n"), 10),), summary=(("many", "COUNT", ""),)),
        "What is the number of order channels with at least ten orders?",
    ),
    (
        Intent("", at("orders"), "groups", ("most",), (), (MONTH_KEY,), (REVENUE,), summary=(("most", "MAX", "revenue"),)),
        "What is the highest combined order total for any one order month?",
    ),
    (
        Intent("", at("customers"), "rows", ("name",), (is_("NE", Call("MONTH", (field("customers.join_date"),)), 5),), columns=(NAME,)),
        "Which customers joined outside May of any year? Show the name.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("intent", "said"), RARE)
def test_trees_that_no_family_draws(intent: Intent, said: str) -> None:
    assert ask(intent, "interrogative") == said
    for register in REGISTERS:
        assert question_problems(ask(intent, register), intent) == []


def test_the_order_is_said_with_its_direction_and_blanks() -> None:
    shown = (("name", field("customers.name")), ("phone", field("customers.phone")))
    intent = Intent("list", at("customers"), "rows", ("name", "phone"), columns=shown)
    rising = ask(replace(intent, order=(("phone", False), ("name", False))), "terse")
    assert rising == "For each customer: name and phone, sorted alphabetically by phone (blanks first), then by name."
    falling = ask(replace(intent, order=(("name", True),)), "terse")
    assert falling == "For each customer: name and phone, sorted by name in reverse alphabetical order."


def test_ranked_periods_are_each_shown_as_a_day() -> None:
    month = INTENTS["groups, first few"].keys
    intent = replace(INTENTS["rank"], keys=month, output=("month", "revenue", "place"), order=(("place", False),))
    assert ask(intent, "imperative").startswith("Rank order months (each shown as its first day) by ")


def test_after_a_rank_of_its_own_for_each_row_no_order_counts() -> None:
    intent = INTENTS["rank"]
    (name, ranking), *_ = intent.windows
    by = ((Result("revenue"), True), (Result("channel"), False))
    alone = replace(intent, windows=((name, replace(ranking, option="", by=by)),))  # type: ignore[type-var]
    assert ask(intent, "terse").endswith("sorted by rank, then by order channel.")
    assert ask(alone, "terse").endswith("sorted by rank.")


def test_the_first_few_by_rank_come_in_the_order_that_is_asked() -> None:
    windows = (("place", PLACE),)
    intent = Intent(
        "",
        at("orders"),
        "groups",
        ("channel", "revenue"),
        (),
        (CHANNEL,),
        (REVENUE,),
        windows=windows,
        kept=(is_("LE", Result("place"), 3),),
    )
    few = "The three order channels with the highest combined order total: order channel and combined order total"
    assert ask(intent, "terse") == f"{few}, ties by order channel."
    assert ask(replace(intent, order=(("place", False),)), "terse") == f"{few}, highest first, ties by order channel."
    by_name = replace(intent, order=(("channel", False),))
    assert ask(by_name, "terse") == f"{few}, ties by order channel. Sort alphabetically by order channel."
    cut = replace(intent, order=(("channel", False),), limit=2)
    assert (
        ask(cut, "terse")
        == "Of all order channels at places 1 to 3 (1 for the highest combined order total, ties by order channel), the first two by order channel: order channel and combined order total."
    )


def test_groups_of_rows_without_a_value_are_spoken_of() -> None:
    key = ("phone", field("customers.phone"))
    intent = Intent("groups", at("customers"), "groups", ("phone", "n"), (), (key,), (COUNT,))
    assert ask(intent, "terse").endswith("Customers without a phone form a group of their own.")
    known = replace(intent, where=(Call("PRESENT", (field("customers.phone"),)),))
    assert "group of their own" not in ask(known, "terse")


def test_parents_without_children_are_spoken_of_where_they_are_in_the_result() -> None:
    intent = INTENTS["per_parent"]
    assert "Include customers without any orders." in ask(intent, "terse")
    most = replace(intent, limit=3)
    fewest = replace(intent, limit=3, order=(("n", False), ("customer_id", False)))
    assert "without any" not in ask(most, "terse")
    assert "Include customers without any orders." in ask(fewest, "terse")
    some = replace(
        intent,
        columns=(
            *intent.columns[:2],
            ("n", Aggregate("COUNT", ORDERS, (is_("EQ", field("orders.channel"), "web"),))),
            intent.columns[3],
        ),
    )
    assert "Include customers without any such orders." in ask(some, "terse")
    sure = replace(intent, having=(is_("GE", Result("n"), 1),))
    assert "Include" not in ask(sure, "terse")


def test_columns_in_another_order_than_expected_are_named_in_theirs() -> None:
    turned = replace(grouped(COUNT), output=("n", "channel"))
    assert ask(turned, "terse") == "For each order channel, show the number of orders and the order channel."
    hidden = replace(grouped(COUNT), output=("n",))
    assert ask(hidden, "terse") == "For each order channel, show only the number of orders."


def test_rows_that_need_a_parent_are_said_to_have_one() -> None:
    orders = at("orders")
    via = at("customers").links["orders"]
    intent = Intent("list", orders, "rows", ("id",), columns=(("id", field("orders.order_id")),), via=via)
    assert ask(intent, "terse") == "For each order: order ID."
    back = orders.links["customer"]
    orders.links["customer"] = replace(back, optional=True)
    try:
        assert ask(intent, "terse") == "Orders that belong to a customer: order ID."
    finally:
        orders.links["customer"] = back


def test_a_flag_is_a_column_and_a_key() -> None:
    shown = (("name", field("products.name")), ("on_sale", field("products.discontinued")))
    intent = Intent("list", at("products"), "rows", ("name", "on_sale"), columns=shown)
    assert ask(intent, "terse") == "For each product: name and whether the product is still on sale."


def test_fields_of_linked_rows_carry_their_names() -> None:
    shown = tuple((one, Field(path("orders", "customer"), at("customers").columns[one])) for one in ("name", "country"))
    intent = Intent("list", at("orders"), "rows", ("name", "country"), columns=shown)
    assert ask(intent, "terse") == "For each order: customer name and customer country."
