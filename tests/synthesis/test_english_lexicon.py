"""What things are called: never by identifiers, always as descriptions, synonyms and hints have it."""

from __future__ import annotations

import pytest

from tests.synthesis.english_support import BANK, SHOP, SHOP_HINTS, collection, column, field, join, path
from utils.synthesis.english.lexicon import Lexicon, NoWordsError
from utils.synthesis.hints import CollectionHint, ColumnHint, Hints
from utils.synthesis.model import Model

PLAIN = Lexicon(SHOP, Hints())
HINTED = Lexicon(SHOP, SHOP_HINTS)
POOR = Lexicon(BANK, Hints())


def test_names_that_are_english_are_said_as_they_are() -> None:
    assert PLAIN.rows("customers").many == "customers"
    assert PLAIN.column(field("customers.join_date").column).one == "join date"
    assert PLAIN.column(field("orders.order_status").column).many == "order statuses"


def test_keys_are_called_by_what_they_refer_to() -> None:
    assert PLAIN.column(field("orders.order_id").column).one == "order ID"
    assert PLAIN.column(field("orders.customer_id").column).one == "customer ID"


def test_hints_come_first() -> None:
    assert (PLAIN.rows("items").one, HINTED.rows("items").one) == ("item", "order line")
    assert HINTED.column(field("orders.total").column).one == "order total"
    assert HINTED.act(field("orders.order_date").column) == "were placed"


def test_names_of_a_machine_are_never_said() -> None:
    clients, bookings = BANK.collections["CST_MST"], BANK.collections["acct_tx"]
    assert (POOR.rows("CST_MST").one, POOR.rows("acct_tx").many) == ("account holder", "bookings")
    said = {name: POOR.column(one).one for name, one in clients.columns.items() if name != "zzq"}
    assert said == {"cstId": "account holder ID", "cst_nm": "holder name", "kpx": "internal code", "rgn_cd": "region"}
    assert POOR.column(bookings.columns["amt"]).one == "amount"
    with pytest.raises(NoWordsError, match="zzq"):
        POOR.column(clients.columns["zzq"])
    assert not POOR.can_say(clients.columns["zzq"])


def test_an_adjective_for_a_number_is_a_longer_synonym() -> None:
    prices = collection("prices", "Prices of a day", 9, [
        column("prices", "_open", "measure", "Price at the start of the day", synonyms=("opening price",)),
        column("prices", "low", "measure", "Lowest price of the day", synonyms=("daily low", "minimum")),
        column("prices", "shares", "amount", "Shares that changed hands", unit="shares"),
    ])  # fmt: skip
    words = Lexicon(Model("Prices", {"prices": prices}), Hints())
    assert [words.column(one).one for one in prices.columns.values()] == [
        "opening price",
        "daily low",
        "number of shares",
    ]


def test_columns_of_other_rows_are_called_by_these() -> None:
    orders, items = SHOP.collections["orders"], SHOP.collections["items"]
    country, channel = field("customers.country").column, field("orders.channel").column
    assert HINTED.field(orders, path("orders", "customer"), country).one == "customer country"
    assert HINTED.field(items, path("items", "order"), channel).one == "order channel"
    assert HINTED.field(items, path("items", "product"), field("products.name").column).one == "product"  # it is unique
    assert HINTED.field(orders, path("orders", "customer"), field("customers.name").column).one == "customer name"
    assert HINTED.key(SHOP.collections["products"], (), field("products.list_price").column).one == "list price"


def test_two_links_to_one_collection_are_told_apart() -> None:
    airports = collection(
        "airports", "Airports", 9, [column("airports", "code", "identifier", "Its code", unique=True)]
    )
    flights = collection("flights", "Flights", 90, [
        column("flights", "flight_id", "identifier", "Id", unique=True),
        column("flights", "origin_code", "foreign_key"),
        column("flights", "destination_code", "foreign_key"),
    ])  # fmt: skip
    join(airports, "departing_flights", flights, ("code", "origin_code"), "origin")
    join(airports, "arriving_flights", flights, ("code", "destination_code"), "destination")
    words = Lexicon(Model("Air", {"airports": airports, "flights": flights}), Hints())
    assert [words.of_link(one).one for one in flights.links.values()] == ["origin airport", "destination airport"]
    assert [words.of_link(one).many for one in airports.links.values()] == ["departing flights", "arriving flights"]


def test_paths_that_meet_in_one_row_are_one() -> None:
    lines = collection(
        "lines",
        "Lines",
        90,
        [column("lines", "part_key", "foreign_key"), column("lines", "supplier_key", "foreign_key")],
    )
    offers = collection("offers", "Offers", 9, [column("offers", "part_key", "foreign_key")])
    parts = collection(
        "parts", "Parts", 9, [column("parts", "key", "identifier"), column("parts", "name", "name", "Name")]
    )
    join(parts, "lines", lines, ("key", "part_key"), "part")
    join(parts, "offers", offers, ("key", "part_key"), "part")
    join(offers, "lines", lines, ("part_key", "part_key"), "offer")
    words = Lexicon(Model("Parts", {one.name: one for one in (lines, offers, parts)}), Hints())
    through = (lines.links["offer"], offers.links["part"])
    assert words.field(lines, through, parts.columns["name"]).one == "part name"


def test_what_a_flag_says() -> None:
    vip = PLAIN.flag(field("customers.is_vip").column)
    assert (vip.yes, vip.no) == ("belongs to the club", "does not belong to the club")
    on_sale = PLAIN.flag(field("products.discontinued").column)
    assert (on_sale.yes, on_sale.no) == ("is still on sale", "is no longer on sale")
    hinted = Lexicon(SHOP, Hints(columns={"products.discontinued": ColumnHint(words="discontinued")}))
    flag = hinted.flag(field("products.discontinued").column)
    assert (flag.yes, flag.no, flag.adjective) == ("is discontinued", "is not discontinued", "discontinued")


@pytest.mark.parametrize(
    ("dotted", "act"),
    [("customers.join_date", "joined"), ("orders.order_date", "were placed"), ("orders.due_date", "")],
)
def test_what_happened_on_a_date(dotted: str, act: str) -> None:
    assert PLAIN.act(field(dotted).column) == act


def test_people_are_told_from_things() -> None:
    assert PLAIN.rows("customers").who == "who"
    assert PLAIN.rows("orders").who == "that"
    assert Lexicon(SHOP, Hints(collections={"orders": CollectionHint(person=True)})).rows("orders").who == "who"


def test_money_has_its_sign_only_where_the_currency_is_known() -> None:
    assert PLAIN.currency(field("orders.total").column) == "$"
    assert POOR.currency(BANK.collections["acct_tx"].columns["amt"]) == ""
