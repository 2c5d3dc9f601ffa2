"""What is worked out of values, whose rows are grouped, which come first: word for word."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.synthesis.english_support import INTENTS, SHOP, SHOP_HINTS, ask, at, clauses, field, is_, path
from utils.synthesis.english.frames import said
from utils.synthesis.english.lexicon import Lexicon
from utils.synthesis.english.measures import measured
from utils.synthesis.english.phrases import Phrase
from utils.synthesis.english.planning import plan_of
from utils.synthesis.hints import ColumnHint
from utils.synthesis.intent import Aggregate, Best, Call, Constant, Exists, Expression, Field, Intent, Result, Window
from utils.synthesis.model import Column

LIMIT, DUE, ORDERED = field("customers.credit_limit"), field("orders.due_date"), field("orders.order_date")
DISCOUNT, TOTAL = field("orders.discount_rate"), field("orders.total")
NUMBER = ("number", field("orders.order_id"))
CUSTOMER = ("customer_id", field("orders.customer_id"))
COUNT = ("n", Aggregate("COUNT"))


def _phrase(expression: Expression, level: str = "rows", of: str = "orders") -> Phrase:
    intent = Intent("", at(of), level, ("it",), columns=(("it", expression),))  # type: ignore[arg-type]
    return clauses(intent).phrase(expression, at(of))


def _text(date: Field, *parts: str) -> Call:
    texts = [Call("STRING", (Call(part, (date,)),)) for part in parts]
    return Call("JOIN", (Constant("-", "text"), *texts))


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        (Call("ABS", (Call("SUB", (TOTAL, DISCOUNT)),)), "absolute difference between the order total and the discount rate"),
        (Call("POWER", (Call("SUB", (TOTAL, DISCOUNT)), Constant(2))), "squared difference between the order total and the discount rate"),
        (Call("SQRT", (Call("MUL", (TOTAL, DISCOUNT)),)), "geometric mean of the order total and the discount rate"),
        (
            Call("SIGN", (Call("SUB", (TOTAL, DISCOUNT)),)),
            "comparison of the order total with the discount rate (1 where it is higher, 0 where both are equal, -1 where it is lower)",
        ),
        (Call("ABS", (Call("SUB", (TOTAL, Constant(5))),)), "absolute value of the order total minus $5"),
        (Call("POWER", (TOTAL, Constant(2))), "square of the order total"),
        (Call("INTEGER", (TOTAL,)), "order total (with its decimals cut off)"),
        (Call("LARGEST", (TOTAL, DISCOUNT)), "larger of the order total and the discount rate"),
        (Call("LARGEST", (ORDERED, DUE)), "later of the order date and the due date"),
        (Call("SMALLEST", (DUE, ORDERED)), "earlier of the due date and the order date"),
        (_text(ORDERED, "YEAR", "QUARTER"), "year and quarter of the order date (as text such as 2023-Q1)"),
        (_text(ORDERED, "YEAR", "MONTH"), "year and month of the order date (as text such as 2023-04)"),
        (Call("MONTHNAME", (ORDERED,)), "order month (such as Jan)"),
        (Call("DAYNAME", (ORDERED,)), "weekday of the order date"),
        (
            Call("DIFFERENCE", (field("orders.customer.join_date"), ORDERED), "days"),
            "number of days from the customer join date to the order date",
        ),
        (Call("DEFAULT_TO", (TOTAL, Constant(0))), "order total ($0 where there is none)"),
    ],
)  # fmt: skip
def test_values_that_are_worked_out(expression: Expression, said: str) -> None:
    assert _phrase(expression).text == said


@pytest.mark.parametrize(
    ("where", "said"),
    [((), "percentage of all orders"), ((is_("EQ", field("orders.channel"), "web"),), "percentage of all such orders")],
)
def test_a_share_is_of_the_rows_that_are_asked_for(where: tuple[Expression, ...], said: str) -> None:
    question = ask(replace(INTENTS["share"], where=where), "imperative")
    assert f"the number of orders{' with channel ' + repr('web') if where else ''} and the {said} (rounded" in question


@pytest.mark.parametrize("full", [False, True])
def test_rows_without_any_are_spoken_of_only_where_there_are_some(full: bool) -> None:
    orders = (replace(path("customers", "orders")[0], full=full),)
    columns = (("name", field("customers.name")), ("n", Aggregate("COUNT", orders)))
    question = ask(Intent("per_parent", at("customers"), "rows", ("name", "n"), columns=columns), "imperative")
    remark = "" if full else " Include customers without any orders."
    assert question == f"Show the name and the number of orders for each customer.{remark}"


@pytest.mark.parametrize("register", ["report", "context"])
def test_a_single_count_names_its_rows_once(register: str) -> None:
    intent = Intent(
        "whole", at("orders"), "whole", ("n",), (is_("EQ", field("orders.channel"), "web"),), columns=(COUNT,)
    )
    assert ask(intent, register).count("orders") == 1


def test_charges_are_made_on_rows() -> None:
    def joint(words: str) -> str:
        return measured(clauses(INTENTS["list"]).voice, "SUM", "", Phrase(words)).joint

    assert (joint("commission"), joint("sales tax"), joint("price")) == ("on", "on", "of")


def test_a_part_of_the_only_date_says_which_for_people_and_in_lists() -> None:
    joined = Call("DAYNAME", (field("customers.join_date"),))
    assert _phrase(joined, "groups", "customers").text == "weekday of the join date"
    assert _phrase(joined, "rows", "customers").text == "weekday of the join date"


def test_a_variance_is_not_rounded_to_cents() -> None:
    def said(function: str) -> str:
        return _phrase(Call("ROUND", (Aggregate(function, (), (), TOTAL), Constant(2))), "whole").note

    assert (said("STD"), said("VAR")) == ("rounded to cents", "rounded to two decimals")


@pytest.mark.parametrize(
    ("register", "said"),
    [
        ("imperative", "Of all orders in France, take the first five by order ID and show the order ID and order total."),
        ("interrogative", "Of all orders in France, what are the first five by order ID? Show the order ID and order total."),
        ("terse", "Of all orders in France, the first five by order ID: order ID and order total."),
        ("report", "Please list the first five orders in France, by order ID, showing the order ID and order total."),
        ("conversational", "Can you take all orders in France and give me the first five by order ID? I need the order ID and order total."),
        ("context", "Take all orders in France, sorted by order ID. For the first five, show the order ID and order total."),
    ],
)  # fmt: skip
def test_the_first_few_by_what_tells_rows_apart(register: str, said: str) -> None:
    where = (is_("EQ", field("orders.customer.country"), "France"),)
    intent = Intent("list", at("orders"), "rows", ("number", "total"), where, columns=(NUMBER, ("total", TOTAL)))
    cut = replace(intent, order=(("number", False),), limit=5)
    assert ask(cut, register) == said.replace("orders in France", "orders of customers in France")


@pytest.mark.parametrize(
    ("register", "said"),
    [
        ("imperative", "Give the first five order IDs of all orders of active customers."),
        ("interrogative", "What are the first five order IDs of all orders of active customers?"),
        ("terse", "The first five order IDs of all orders of active customers."),
    ],
)
def test_the_first_few_of_nothing_but_what_tells_rows_apart(register: str, said: str) -> None:
    where = (is_("EQ", field("orders.customer.status"), "active"),)
    cut = Intent(
        "list", at("orders"), "rows", ("number",), where, columns=(NUMBER,), order=(("number", False),), limit=5
    )
    seen = {ask(cut, register, random.Random(seed)) for seed in range(9)}
    assert said in seen


def test_the_first_one_alone_is_chosen_among_equal_ones_by_a_rule() -> None:
    intent = Intent("groups", at("orders"), "groups", ("customer_id", "n"), (), (CUSTOMER,), (COUNT,))
    first = replace(intent, order=(("n", True), ("customer_id", False)), limit=1)
    assert ask(first, "interrogative") == (
        "Which customer has the most orders? Show the customer ID and number of orders. "
        "If several tie, take the first by customer ID."
    )


def test_of_two_counts_it_is_said_which_decides() -> None:
    things = ("things", Aggregate("NDISTINCT", (), (), field("orders.channel")))
    intent = Intent("groups", at("orders"), "groups", ("customer_id", "n", "things"), (), (CUSTOMER,), (COUNT, things))
    few = replace(intent, order=(("n", True), ("customer_id", False)), limit=3)
    assert ", most orders first, ties by customer ID." in ask(few, "interrogative")
    alone = replace(few, output=("customer_id", "n"), columns=(COUNT,))
    assert ", largest first, ties by customer ID." in ask(alone, "interrogative")


def test_groups_by_a_key_are_what_it_tells_apart_and_show_it() -> None:
    intent = Intent("groups", at("orders"), "groups", ("customer_id", "n"), (), (CUSTOMER,), (COUNT,))
    assert ask(intent, "interrogative") == (
        "Can you give the customer ID and the number of orders for each customer? Leave out customers without any orders."
    )
    chosen = replace(intent, where=(is_("EQ", field("orders.channel"), "web"),))
    assert ask(chosen, "interrogative").endswith("Leave out customers without any such orders.")
    by_channel = replace(
        intent, keys=(("channel", field("orders.channel")),), output=("channel", "n")
    )  # called by its key, which needs no column of its own
    assert ask(by_channel, "interrogative") == "How many orders are there for each order channel?"


def test_conditions_stand_before_what_they_hold_for() -> None:
    average = ("average", Aggregate("AVG", (), (), TOTAL))
    where = (is_("EQ", field("orders.channel"), "web"),)
    intent = Intent("groups", at("orders"), "groups", ("status", "n", "average"), where,
                    (("status", field("orders.order_status")),), (COUNT, average))  # fmt: skip
    for register in ("imperative", "interrogative", "conversational", "context"):
        assert ask(intent, register).startswith("Among orders with channel 'web', "), register
    assert ask(intent, "terse").startswith("For orders with channel 'web': number of orders")


def test_periods_left_out_by_conditions_are_those_listed() -> None:
    month = ("month", Call("START", (ORDERED,), "month"))
    before = Window("PREV", Result("n"), ((Result("month"), False),))
    change = ("change", Call("SUB", (Result("n"), before)))
    intent = Intent(
        "change", at("orders"), "groups", ("month", "n", "change"), (), (month,), (COUNT,), windows=(change,)
    )
    assert "from the previous month" in ask(intent, "imperative")
    some = replace(intent, where=(is_("EQ", field("orders.channel"), "web"),))
    assert "from the previous month in the list" in ask(some, "imperative")
    assert ask(some, "imperative").endswith("Leave out order months without any such orders.")
    assert "Leave out" not in ask(intent, "imperative")


def test_children_that_count_as_nothing_are_spoken_of_where_that_matters() -> None:
    way = (at("customers").links["orders"],)

    def said(function: str, *where: Expression) -> str:
        counted = ("n", Aggregate("COUNT", way, where))
        summary = (("it", function, "n"),)
        intent = Intent("two_level", at("customers"), "rows", ("it",), columns=(counted,), summary=summary)
        return ask(intent, "interrogative")

    assert said("MIN").endswith("Count customers without any orders as 0.")
    assert said("AVG", is_("EQ", field("orders.channel"), "web")).endswith(
        "Count customers without any such orders as 0."
    )
    assert "Count" not in said("MAX")


def test_places_have_their_article_and_what_they_are_where_names_meet() -> None:
    def named(*countries: str) -> str:
        where = is_("IN", field("customers.country"), *countries)
        return clauses(Intent("", at("customers"), "rows", ())).trait(where, at("customers")).after

    assert named("United States", "Canada") == "in the United States or Canada"
    assert named("Canada") == "in Canada"
    city = Column("customers", "city", "city", "text", "category", "City of residence", values=("Mexico", "Lyon"))
    state = Column("customers", "state", "state", "text", "category", "State of residence", values=("Sao Paulo", "NY"))
    at("customers").columns["city"] = city
    try:
        assert named("Mexico") == "in the country of Mexico" and named("Canada") == "in Canada"
        at("customers").columns["state"] = state
        where = is_("EQ", Field((), state), "Sao Paulo")
        said = clauses(Intent("", at("customers"), "rows", ())).trait(where, at("customers")).after
        assert said == "in the state of Sao Paulo"
    finally:
        del at("customers").columns["city"]
        at("customers").columns.pop("state", None)


def test_what_is_no_noun_takes_what_its_description_begins_with() -> None:
    def noun(name: str, description: str) -> str:
        column = Column("orders", name, name, "number", "amount", description)
        return Lexicon(SHOP, SHOP_HINTS).column(column).one

    assert noun("paid", "Amount paid so far") == "amount paid so far"
    assert noun("quantity", "Pieces ordered") == "quantity"
    assert noun("paid", "How much of what the customer owes us for it came in") == "paid"


def test_the_best_of_some_rows_is_said_to_be_of_these() -> None:
    way = (at("customers").links["orders"],)
    where = (is_("EQ", field("orders.channel"), "web"),)
    best = Best(way, where, ((TOTAL, True), (field("orders.order_id"), False)), ORDERED)
    columns = (("name", field("customers.name")), ("date", best))
    intent = Intent("best", at("customers"), "rows", ("name", "date"), (Exists(way, where),), columns=columns)
    assert ask(intent, "terse") == (
        "For each customer with at least one order with channel 'web', the order with the highest order total among these, "
        "with the name and that order's date. If several tie, take the one with the lowest order ID."
    )


def test_values_are_said_in_the_words_of_hints() -> None:
    hints = SHOP_HINTS.model_copy(
        update={"columns": SHOP_HINTS.columns | {"orders.channel": ColumnHint(says="placed by", words="channel")}}
    )
    spoken = clauses(Intent("", at("orders"), "rows", ()), hints=hints)

    def said(operator: str, *values: str) -> tuple[str, str]:
        trait = spoken.trait(is_(operator, field("orders.channel"), *values), at("orders"))
        return trait.after, trait.many

    assert said("EQ", "web") == ("placed by 'web'", "are placed by 'web'")
    assert said("IN", "web", "phone") == ("placed by 'web' or 'phone'", "are placed by 'web' or 'phone'")
    assert said("NE", "web")[0] == "with a channel other than 'web'"
    of_items = clauses(Intent("", at("items"), "rows", ()), hints=hints)
    linked = of_items.trait(is_("EQ", field("items.order.channel"), "web"), at("items"))
    assert linked.many == "are for orders placed by 'web'"


def test_a_measure_that_sounds_like_a_count_takes_its_rows_name() -> None:
    total = Aggregate("SUM", (), (), field("items.quantity"))
    intent = Intent("whole", at("items"), "whole", ("q",), columns=(("q", total),))
    assert ask(intent, "interrogative") == "What is the total order line quantity?"
    some = replace(intent, where=(is_("GT", field("items.quantity"), 2),))
    assert ask(some, "interrogative") == "What is the total quantity of order lines with a quantity above 2?"


def test_what_different_things_come_first_by_is_their_number() -> None:
    things = ("things", Aggregate("NDISTINCT", (), (), field("orders.channel")))
    intent = Intent("groups", at("orders"), "groups", ("customer_id", "things"), (), (CUSTOMER,), (things,))
    few = replace(intent, order=(("things", True), ("customer_id", False)), limit=3)
    assert ask(few, "report").startswith(
        "Please report the three customers with the highest number of different channels"
    )
    assert ", most channels first" in ask(replace(few, limit=None), "report")


def test_a_share_of_some_rows_says_of_which_total() -> None:
    total = ("total", Aggregate("SUM", (), (), TOTAL))
    whole = Window("RELSUM", Result("total"))
    share = ("share", Call("DIV", (Call("MUL", (Constant(100), Result("total"))), whole)))
    key = ("channel", field("orders.channel"))
    intent = Intent(
        "share", at("orders"), "groups", ("channel", "total", "share"), (), (key,), (total,), windows=(share,)
    )
    assert "percentage of the overall order total" in ask(intent, "imperative")
    some = replace(intent, where=(is_("EQ", field("orders.order_status"), "F"),))
    assert "percentage of the total over all order channels" in ask(some, "imperative")


def test_one_of_a_measure_with_conditions_says_per_what_before_them() -> None:
    way = (at("customers").links["orders"],)
    counted = ("n", Aggregate("COUNT", way, (is_("GT", TOTAL, 50),)))
    intent = Intent("two_level", at("customers"), "rows", ("m",), columns=(counted,), summary=(("m", "MEDIAN", "n"),))
    assert ask(intent, "terse").startswith(
        "Median number of orders per customer, counting only orders with an order total above $50."
    )


def test_a_rate_is_rounded_as_a_fraction() -> None:
    rounded = Call("ROUND", (Aggregate("AVG", (), (), DISCOUNT), Constant(4)))
    assert _phrase(rounded, "whole").note == "as a fraction of 1, rounded to four decimals"


def test_rows_of_a_time_that_have_not_been_named_are_named_by_it() -> None:
    way = (at("customers").links["orders"],)
    hints = SHOP_HINTS.model_copy(
        update={"columns": SHOP_HINTS.columns | {"orders.total": ColumnHint(words="spending", of="the customer")}}
    )
    placed = is_("EQ", Call("YEAR", (ORDERED,)), 2022)
    columns = (("name", field("customers.name")), ("spent", Aggregate("AVG", way, (placed,), TOTAL)))
    intent = Intent("per_parent", at("customers"), "rows", ("name", "spent"), columns=columns)
    spoken = clauses(intent, hints=hints)
    assert said(plan_of(spoken), spoken.voice, "terse") == (
        "For each customer: name and average spending in 2022. Include customers without any orders placed in 2022."
    )
