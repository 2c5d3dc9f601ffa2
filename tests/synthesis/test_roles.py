"""Which role and unit columns get, of databases as people have them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.synthesis.model import NUMBERS, ROLES, Kind, Value
from utils.synthesis.name_words import words_of
from utils.synthesis.roles import Seen, role_of
from utils.synthesis.units import unit_of

ROWS = 400
Make = Callable[[random.Random, int], Value]


def seen(collection: str, name: str, values: Sequence[Value], description: str = "", **more: Any) -> Seen:
    """A column with these values."""
    distinct = list(dict.fromkeys(values))
    numbers = [value for value in values if isinstance(value, int | float)]
    return Seen(
        collection,
        name,
        more.pop("kind", "number" if numbers else "text"),
        description,
        filled=len(values),
        distinct=len(distinct),
        values=tuple(distinct[:100]),
        low=min(numbers, default=None),
        high=max(numbers, default=None),
        whole=all(value == int(value) for value in numbers),
        **more,
    )


def made(make: Make) -> list[Value]:
    rng = random.Random(1)
    return [make(rng, row) for row in range(ROWS)]


def of(*values: Value) -> Make:
    return lambda rng, row: rng.choice(values)


def whole(low: int, high: int) -> Make:
    return lambda rng, row: rng.randint(low, high)


def real(low: float, high: float) -> Make:
    return lambda rng, row: round(rng.uniform(low, high), 2)


def text(form: str) -> Make:
    """`#` is a digit, `@` a letter, `%` the row's number."""

    def make(rng: random.Random, row: int) -> str:
        signs = [
            rng.choice("0123456789") if sign == "#" else rng.choice("abcdef") if sign == "@" else sign for sign in form
        ]
        return "".join(signs).replace("%", str(row))

    return make


FIRST = of("Ada", "Bo", "Cleo", "Dov", "Ea", "Finn", "Gus", "Hana", "Ivo", "Jo", "Kim", "Lea")
FULL: Make = lambda rng, row: f"{rng.choice('ABCDEF')}ra {rng.choice(['Li', 'Oz', 'Um'])}{'aeiou'[row % 5]}{row}"  # noqa: E731
SENTENCE: Make = lambda rng, row: f"The {rng.choice(['red', 'old', 'big'])} box came late and was open, see {row}"  # noqa: E731

NUMBER_CASES: list[tuple[str, str, str, Make, str, str]] = [
    # flags
    ("users", "is_deleted", "", of(0, 1), "flag", ""),
    ("users", "hasNewsletter", "", of(0, 1), "flag", ""),
    ("users", "email_verified", "", of(0, 1), "flag", ""),
    ("sales", "promo", "1 if the sale was part of a promotion", of(0, 1), "flag", ""),
    ("households", "num_children", "", of(0, 1), "amount", "children"),
    # calendar
    ("cars", "year", "", whole(1998, 2024), "category", "year"),
    ("cars", "ModelYear", "", whole(1998, 2024), "category", "year"),
    ("movies", "release_year", "", whole(1930, 2024), "category", "year"),
    ("budgets", "fiscal_yr", "", whole(2015, 2024), "category", "year"),
    ("budgets", "month", "", whole(1, 12), "category", ""),
    ("calls", "hour_of_day", "", whole(0, 23), "category", ""),
    ("visits", "day_of_week", "", whole(0, 6), "category", ""),
    ("loans", "term_months", "", whole(6, 72), "measure", "months"),
    ("employees", "years_of_experience", "", whole(0, 40), "measure", "years"),
    # marks
    ("users", "zip", "", whole(10000, 99999), "code", ""),
    ("users", "zip_code", "", whole(10000, 99999), "code", ""),
    ("stores", "postal_cd", "", whole(1000, 9999), "code", ""),
    ("users", "phone", "", whole(2_000_000_000, 9_999_999_999), "code", ""),
    ("stores", "lat", "", real(30, 60), "code", ""),
    ("stores", "longitude", "", real(-10, 60), "code", ""),
    ("events", "device_id", "", whole(1, 90), "code", ""),
    ("events", "deviceid", "", whole(1, 90), "code", ""),
    ("events", "created_at", "", whole(1_600_000_000, 1_700_000_000), "code", ""),
    ("events", "epoch_ms", "", whole(1_600_000_000_000, 1_700_000_000_000), "code", ""),
    ("events", "ts", "", whole(1_600_000_000_000, 1_700_000_000_000), "code", ""),
    ("events", "event_date", "", of(20230101, 20230315, 20231224, 20240229), "code", ""),
    ("flights", "dep_time", "", lambda rng, row: 100 * rng.randint(0, 23) + rng.randint(0, 59), "code", ""),
    ("flights", "flight_time", "", whole(30, 900), "measure", ""),
    ("requests", "status_code", "", of(200, 301, 404, 500), "category", ""),
    ("requests", "http_status", "", of(200, 301, 404, 500), "category", ""),
    ("products", "barcode", "", lambda rng, row: 4_000_000_000_000 + row, "identifier", ""),
    ("invoices", "invoice_number", "", lambda rng, row: 1000 + row, "identifier", ""),
    ("invoices", "inv_no", "", lambda rng, row: 1000 + row, "identifier", ""),
    ("flights", "flight_number", "", whole(100, 999), "code", ""),
    ("tasks", "priority", "", whole(1, 5), "category", ""),
    ("houses", "floor", "", whole(0, 9), "category", ""),
    ("members", "tier", "", whole(1, 3), "category", ""),
    ("deliveries", "driver", "Number of the driver", whole(1, 60), "code", ""),
    # what may not be added
    ("products", "price", "", real(1, 99), "measure", "price"),
    ("products", "UnitPrice", "", real(1, 99), "measure", "price"),
    ("products", "unitprice", "", real(1, 99), "measure", "price"),
    ("products", "list_price_usd", "", real(1, 99), "measure", "price"),
    ("items", "cost", "Cost of one piece", real(1, 99), "measure", "price"),
    ("reviews", "rating", "", whole(1, 5), "measure", ""),
    ("reviews", "score", "", real(0, 100), "measure", ""),
    ("patients", "day1_pasi_score", "", real(0, 72), "measure", ""),
    ("students", "gpa", "", real(1, 4), "measure", ""),
    ("people", "age", "", whole(18, 90), "measure", "years"),
    ("people", "age_years", "", whole(18, 90), "measure", "years"),
    ("patients", "weight_kg", "", real(40, 120), "measure", "kilograms"),
    ("patients", "ht_cm", "", whole(140, 200), "measure", "centimetres"),
    ("loans", "interest_rate", "", real(0.5, 9), "measure", ""),
    ("loans", "default_prob", "Probability of default", real(0, 0.9), "measure", "share"),
    ("sales", "discount", "", real(0, 0.5), "measure", "share"),
    ("sales", "discount_pct", "", whole(0, 60), "measure", "percent"),
    ("polls", "percent", "", real(0, 100), "measure", "percent"),
    ("polls", "vote_share", "", real(0, 0.9), "measure", "share"),
    ("weather", "temperature", "", real(-20, 40), "measure", ""),
    ("weather", "max_temp", "", real(-20, 40), "measure", ""),
    ("shops", "avg_basket_value", "", real(5, 90), "measure", ""),
    ("trips", "avg_speed_kmh", "", real(5, 90), "measure", ""),
    ("pages", "views_per_visit", "", real(1, 9), "measure", ""),
    ("races", "rank", "", whole(1, 40), "measure", ""),
    ("files", "size", "", whole(1, 900_000), "measure", ""),
    ("songs", "duration_ms", "", whole(90_000, 400_000), "measure", "milliseconds"),
    ("tickets", "days_open", "", whole(0, 90), "measure", "days"),
    ("jobs", "hourly_rate", "", real(12, 90), "measure", ""),
    ("cards", "credit_limit", "", whole(500, 9000), "measure", "money"),
    ("things", "foo", "", real(0, 9000), "measure", ""),
    # what may be added
    ("employees", "salary", "", whole(30_000, 150_000), "amount", "money"),
    ("orders", "total_price", "", real(10, 900), "amount", "money"),
    ("sales", "sale_price", "", real(10, 900), "amount", "money"),
    ("orders", "totalamount", "", real(10, 900), "amount", "money"),
    ("orders", "quantity", "", whole(1, 20), "amount", "pieces"),
    ("orders", "qty", "", whole(1, 20), "amount", "pieces"),
    ("orders", "order_qty", "", whole(1, 20), "amount", "pieces"),
    ("payments", "amount", "", real(1, 900), "amount", "money"),
    ("payments", "payment_amt", "", real(1, 900), "amount", "money"),
    ("treatments", "tot_drug_amt", "Total drug amount given, in mg", real(1, 900), "amount", ""),
    ("houses", "number_of_rooms", "", whole(1, 9), "amount", "rooms"),
    ("houses", "rooms", "Number of rooms", whole(1, 9), "amount", "rooms"),
    ("songs", "play_count", "", whole(0, 9000), "amount", ""),
    ("posts", "likes", "", whole(0, 9000), "amount", "likes"),
    ("cities", "population", "", whole(100, 900_000), "amount", ""),
    ("accounts", "balance", "", real(-90, 9000), "amount", "money"),
    ("orders", "freight", "", real(1, 90), "amount", "money"),
    ("stores", "annual_revenue", "", whole(10_000, 900_000), "amount", "money"),
    ("orders", "tax", "", real(0, 90), "amount", "money"),
]  # fmt: skip


@pytest.mark.parametrize(("collection", "name", "said", "make", "role", "unit"), NUMBER_CASES)
def test_numbers(collection: str, name: str, said: str, make: Make, role: str, unit: str) -> None:
    column = seen(collection, name, made(make), said)
    found = role_of(column)
    assert (found, unit_of(column, found)) == (role, unit)


TEXT_CASES: list[tuple[str, str, str, Make, str]] = [
    # names
    ("users", "name", "", FULL, "name"),
    ("users", "full_name", "", FULL, "name"),
    ("users", "first_name", "", FIRST, "name"),
    ("users", "lastname", "", FIRST, "name"),
    ("users", "username", "", text("@@@%"), "name"),
    ("customers", "c_name", "", text("Customer#00000%"), "name"),
    ("products", "product_name", "", text("Lamp %"), "name"),
    ("books", "title", "", text("The Tale of %"), "name"),
    ("stocks", "symbol", "", text("@@@%"), "name"),
    ("orders", "product_name", "", of("Lamp", "Chair", "Table", "Sofa"), "category"),
    ("orders", "customer_name", "", lambda rng, row: f"Ara Li{rng.randint(1, 250)}", "text"),
    ("employees", "title", "", of("Clerk", "Manager", "Engineer"), "category"),
    ("employees", "job_title", "", of("Clerk", "Manager", "Engineer"), "category"),
    ("employees", "department_name", "", of("Sales", "IT", "Legal"), "category"),
    # categories
    ("orders", "status", "", of("open", "paid", "sent"), "category"),
    ("orders", "ord_stat", "", of("O", "P", "S"), "category"),
    ("people", "gender", "", of("M", "F"), "category"),
    ("people", "country", "", of("Chile", "Peru", "Cuba", "Mali"), "category"),
    ("people", "city", "", lambda rng, row: f"Town {chr(97 + row % 26)}{chr(97 + row % 3)}", "category"),
    ("cars", "make", "", of("Ford", "Fiat", "Opel"), "category"),
    ("cars", "color", "", of("red", "blue", "black"), "category"),
    ("orders", "currency_code", "", of("USD", "EUR"), "category"),
    ("orders", "payment_type_cd", "", of("CC", "DD", "XX"), "category"),
    ("users", "is_admin", "", of("Y", "N"), "category"),
    ("shipments", "carrier_note", "", of("late", "on time"), "category"),
    ("parts", "brand", "", text("Brand##"), "category"),
    ("sales", "year", "", of("2021", "2022", "2023"), "category"),
    ("people", "age_group", "", of("18-25", "26-40", "41+"), "category"),
    # text
    ("users", "email", "", text("u%@mail.com"), "text"),
    ("users", "contact", "", text("u%@mail.com"), "text"),
    ("users", "phone_number", "", text("+1-555-###-####"), "text"),
    ("users", "cell", "", text("(555) ###-####"), "text"),
    ("users", "address", "", text("## Mill Lane %"), "text"),
    ("users", "zip", "", text("#####"), "text"),
    ("users", "website", "", text("https://a%.org"), "text"),
    ("orders", "comment", "", SENTENCE, "text"),
    ("tickets", "description", "", SENTENCE, "text"),
    ("tickets", "what_happened", "", SENTENCE, "text"),
    # marks
    ("users", "uuid", "", text("########-####-####-####-############"), "identifier"),
    ("events", "session", "", lambda rng, row: f"{row % 90:08d}-1111-2222-3333-444444444444", "code"),
    ("events", "payload", "", text('{"a": %}'), "code"),
    ("events", "data", "", text('{"a": %, "b": [1, 2]}'), "code"),
    ("users", "password_hash", "", text("@@##@@##@@##@@##@@##@@##"), "code"),
    ("orders", "order_no", "", text("SO-%"), "identifier"),
    ("orders", "tracking_number", "", text("1Z####%"), "identifier"),
    ("products", "sku", "", text("AB-##-%"), "identifier"),
    ("cars", "vin", "", text("1HG#####%"), "identifier"),
    ("orders", "external_id", "", lambda rng, row: f"x{rng.randint(1, 90)}", "code"),
    ("orders", "batch", "", lambda rng, row: f"KX{rng.randint(10000, 10200)}", "code"),
    ("orders", "mark", "Internal processing code", of("A1", "B2"), "code"),
    ("orders", "order_date", "", of("20230101", "20230215", "20231231"), "code"),
    ("orders", "settled", "", of("2023-01-01", "2023-02-15", "2023-12-31"), "code"),
    ("orders", "shipped", "", of("01/02/2023", "11/12/2023", "3/4/2022"), "code"),
]  # fmt: skip


@pytest.mark.parametrize(("collection", "name", "said", "make", "role"), TEXT_CASES)
def test_texts(collection: str, name: str, said: str, make: Make, role: str) -> None:
    assert role_of(seen(collection, name, made(make), said)) == role


def test_a_key_and_what_stands_on_a_relationship() -> None:
    numbers = made(lambda rng, row: row)
    assert role_of(seen("users", "key", numbers, key=True)) == "identifier"
    assert role_of(seen("profiles", "user_id", numbers, key=True, foreign=True)) == "identifier"
    assert role_of(seen("orders", "user_id", made(whole(1, 90)), foreign=True)) == "foreign_key"
    assert role_of(seen("orders", "buyer", made(whole(1, 90)), foreign=True)) == "foreign_key"
    assert role_of(seen("lines", "line_number", made(whole(1, 7)), part_of_key=True)) == "identifier"
    assert role_of(seen("countries", "code", made(text("@@%")), key=True)) == "identifier"
    assert role_of(seen("countries", "name", made(text("Land %")), key=True)) == "name"


def test_the_same_stock_at_many_times_cannot_be_added() -> None:
    values = made(whole(0, 9000))
    assert role_of(seen("accounts", "balance", values)) == "amount"
    assert role_of(seen("balances", "balance", values, snapshot=True)) == "measure"
    assert role_of(seen("daily_stock", "available_qty", values, snapshot=True)) == "measure"
    assert role_of(seen("daily_sales", "units_sold", values, snapshot=True)) == "amount"


def test_one_value_tells_a_reader_nothing() -> None:
    assert role_of(seen("orders", "status", ["open"] * 9)) == "code"
    assert role_of(seen("orders", "quantity", [1] * 9)) == "code"
    assert role_of(seen("orders", "is_paid", [], kind="flag")) == "code"
    assert role_of(seen("orders", "paid_on", ["2023-01-01"] * 9, kind="date")) == "date"


def test_a_name_that_says_nothing_is_told_by_synonyms_then_by_the_description() -> None:
    prices, days = made(real(1, 99)), made(whole(20230000, 20240000))
    assert role_of(seen("sales", "x17", prices)) == "measure"
    assert role_of(seen("sales", "x17", prices, synonyms=("revenue",))) == "amount"
    assert role_of(seen("sales", "x17", prices, "Revenue of the sale in dollars")) == "amount"
    assert role_of(seen("sales", "price", prices, synonyms=("revenue",))) == "measure"
    assert role_of(seen("sales", "x17", days, "Postal code of the buyer")) == "code"


def test_small_tables_repeat_little() -> None:
    cars = [("red", "Ford"), ("blue", "Opel"), ("red", "Fiat"), ("black", "Ford"), ("white", "Seat"), ("red", "Audi")]
    assert role_of(seen("cars", "color", [color for color, _ in cars])) == "category"
    assert role_of(seen("cars", "make", [make for _, make in cars])) == "category"
    assert role_of(seen("people", "name", ["Ada", "Bo", "Cleo", "Dov", "Ea", "Finn"])) == "name"


@pytest.mark.parametrize(("collection", "name", "said", "make", "role"), TEXT_CASES)
def test_a_prefix_of_the_table_changes_nothing(collection: str, name: str, said: str, make: Make, role: str) -> None:
    assert role_of(seen(collection, f"t_{name}", made(make), said)) == role


words = st.lists(
    st.sampled_from(
        ["unit", "price", "order", "date", "is", "active", "user", "id", "zip", "code", "total", "amount", "rate"]
    ),
    min_size=1,
)


@given(words)
def test_the_way_a_name_is_written_changes_nothing(parts: list[str]) -> None:
    written = {
        "_".join(parts),
        "_".join(parts).upper(),
        "".join(map(str.title, parts)),
        parts[0] + "".join(map(str.title, parts[1:])),
        "x_" + "_".join(parts) + "1",
    }
    assert {words_of(name) for name in written} == {tuple(parts)}


columns = st.builds(
    seen,
    collection=st.sampled_from(["users", "order_lines", "dailyStock", ""]),
    name=st.sampled_from([case[1] for case in NUMBER_CASES + TEXT_CASES]) | st.text(max_size=12),
    values=st.lists(st.integers(-(10**13), 10**13) | st.floats(-1e9, 1e9))
    | st.lists(st.integers(0, 1))
    | st.lists(st.text(max_size=30)),
    description=st.text(max_size=30) | st.sampled_from(["Number of rooms", "Whether it is paid", "Price of one share"]),
    synonyms=st.lists(st.text(max_size=12), max_size=2).map(tuple),
    key=st.booleans(),
    part_of_key=st.booleans(),
    foreign=st.booleans(),
    snapshot=st.booleans(),
)


@given(columns, st.sampled_from(get_args(Kind)))
def test_every_column_has_a_role_that_fits_it(column: Seen, kind: Kind) -> None:
    numbers = all(isinstance(value, int | float) for value in column.values) and column.values
    column = replace(column, kind="number" if numbers else ("text" if kind == "number" else kind))
    role = role_of(column)
    assert role in ROLES
    assert role not in NUMBERS or column.kind == "number"
    assert role != "flag" or column.kind == "flag" or {*column.values} == {0, 1}
    assert (role == "date") <= (column.kind == "date")
    unit = unit_of(column, role)
    assert not unit or role in NUMBERS or (role, unit) == ("category", "year")
    assert column.foreign <= (role in ("foreign_key", "identifier", "name", "date") or column.key)
