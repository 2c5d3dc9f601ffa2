"""Two models made by hand: a shop whose graph is well described, and a bank whose graph has names of a machine's kind."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from utils.synthesis.english.conditions import Clauses
from utils.synthesis.english.frames import said
from utils.synthesis.english.lexicon import Lexicon
from utils.synthesis.english.planning import plan_of
from utils.synthesis.english.voice import Voice
from utils.synthesis.hints import CollectionHint, ColumnHint, Hints
from utils.synthesis.intent import (
    Aggregate,
    Best,
    Call,
    Constant,
    Exists,
    Expression,
    Field,
    Intent,
    Path,
    Result,
    Window,
)
from utils.synthesis.model import Collection, Column, Link, Model, Role, Value


class Steady(random.Random):
    """Dice that always show the first side."""

    def choice(self, seq: Sequence[Any]) -> Any:  # type: ignore[override]
        return seq[0]

    def random(self) -> float:
        return 0.5


def column(of: str, name: str, role: Role, description: str = "", values: Sequence[Value] = (), **more: Any) -> Column:
    kinds = {"date": "date", "flag": "flag", "amount": "number", "measure": "number"}
    numbers = [value for value in values if isinstance(value, int | float)]
    if numbers and kinds.get(role) == "number":
        ordered = sorted(numbers)
        more.setdefault(
            "quantiles", tuple(float(ordered[int(q * (len(ordered) - 1))]) for q in (0.1, 0.25, 0.5, 0.75, 0.9))
        )
    low, high = (min(values), max(values)) if values else (None, None)  # type: ignore[type-var]
    more.setdefault("distinct", len(values))
    kind = more.pop("kind", kinds.get(role, "text"))
    return Column(
        of, name, more.pop("column", name), kind, role, description, values=tuple(values), low=low, high=high, **more
    )


def collection(name: str, description: str, rows: int, columns: Sequence[Column], **more: Any) -> Collection:
    key = more.pop("key", (columns[0].name,))
    return Collection(name, f"main.{name}", key, rows, description, columns={one.name: one for one in columns}, **more)


def join(
    parent: Collection, name: str, child: Collection, keys: tuple[str, str], back: str, optional: bool = True
) -> None:
    """A plural link from parent to child, and its reverse."""
    parent.links[name] = Link(parent.name, name, child.name, (keys,), False, optional, fanout=child.rows / parent.rows)
    child.links[back] = Link(child.name, back, parent.name, (keys[::-1],), True, False)


def _days(*days: str) -> tuple[str, ...]:
    return tuple(f"{year}-{day}" for year in (2021, 2022, 2023) for day in days)


def make_shop() -> Model:
    customers = collection("customers", "People who buy from us. Some have never ordered.", 200, [
        column("customers", "customer_id", "identifier", "Id of the customer", ("C1", "C2"), unique=True, distinct=200),
        column("customers", "name", "name", "First and last name", ("Ana Diaz", "Bo Lind", "Cy Moss"), distinct=190),
        column("customers", "country", "category", "Country of residence", ("Canada", "Mexico", "France", "Japan", "Spain")),
        column("customers", "status", "category", "State of the account", ("active", "inactive", "closed")),
        column("customers", "join_date", "date", "Day on which the customer joined", _days("01-05", "03-09", "11-20")),
        column("customers", "phone", "text", "Telephone number", ("+1-555-0100",), nulls=True, distinct=150),
        column("customers", "credit_limit", "measure", "Most that may be owed, in dollars", (100, 500, 900, 2000), unit="money"),
        column("customers", "is_vip", "flag", "Whether the customer belongs to the club", (True, False), synonyms=("club member",)),
    ], synonyms=("buyers", "clients"))  # fmt: skip
    orders = collection("orders", "Orders that customers have placed.", 900, [
        column("orders", "order_id", "identifier", "Id of the order", ("O1", "O2"), unique=True, distinct=900),
        column("orders", "customer_id", "foreign_key", "Id of the customer who ordered", ("C1", "C2"), distinct=180),
        column("orders", "order_date", "date", "Day on which the order was placed", _days("02-03", "05-17", "08-30")),
        column("orders", "due_date", "date", "Day by which it is promised", _days("02-09", "05-27", "09-30")),
        column("orders", "order_status", "category", "F finished, P pending", ("F", "P", "X")),
        column("orders", "channel", "category", "How it was placed", ("web", "phone", "store", "Partner Shop")),
        column("orders", "total", "amount", "Value of the order in dollars", (10, 20, 50, 90, 400), unit="money",
               synonyms=("order total",)),
        column("orders", "discount_rate", "measure", "Part let off: 0.05 is five percent", (0.0, 0.05, 0.1), unit="share"),
    ])  # fmt: skip
    products = collection("products", "Things that we sell.", 60, [
        column("products", "product_id", "identifier", "Id of the product", ("P1", "P2"), unique=True, distinct=60),
        column("products", "name", "name", "Name of the product", ("Red Chair", "Blue Table", "Lamp"), unique=True, distinct=60),
        column("products", "product_type", "category", "Kind of product", ("chair", "table", "lamp")),
        column("products", "list_price", "measure", "Price of one piece in dollars", (9.5, 20.0, 75.0), unit="price"),
        column("products", "discontinued", "flag", "Whether it is still on sale", (True, False)),
    ])  # fmt: skip
    items = collection("items", "Lines of orders: how many of which product.", 2500, [
        column("items", "item_id", "identifier", "Id of the line", ("I1", "I2"), unique=True, distinct=2500),
        column("items", "order_id", "foreign_key", "Id of the order", ("O1", "O2"), distinct=900),
        column("items", "product_id", "foreign_key", "Id of the product", ("P1", "P2"), distinct=60),
        column("items", "quantity", "amount", "Pieces ordered", (1, 2, 3, 5, 9), unit="pieces", whole=True),
    ])  # fmt: skip
    join(customers, "orders", orders, ("customer_id", "customer_id"), "customer")
    join(orders, "items", items, ("order_id", "order_id"), "order", optional=False)
    join(products, "items", items, ("product_id", "product_id"), "product")
    return Model("Shop", {one.name: one for one in (customers, orders, products, items)})


def make_bank() -> Model:
    clients = collection("CST_MST", "Holders of accounts at the bank.", 90, [
        column("CST_MST", "cstId", "identifier", "Id of the holder", ("1", "2"), unique=True, distinct=90, column="cstId"),
        column("CST_MST", "cst_nm", "name", "Name of the holder", ("Ana", "Bo"), synonyms=("holder name",), distinct=90),
        column("CST_MST", "kpx", "code", "Internal code", ("K1", "K2")),
        column("CST_MST", "zzq", "category", "", ("a", "b")),
        column("CST_MST", "rgn_cd", "category", "Sales region: one of four", ("North", "South"), synonyms=("region",)),
    ], synonyms=("account holders",))  # fmt: skip
    bookings = collection("acct_tx", "Bookings: money that came in or went out.", 4000, [
        column("acct_tx", "txNo", "identifier", "Number of the booking", ("7", "8"), unique=True, distinct=4000),
        column("acct_tx", "cstId", "foreign_key", "Id of the holder", ("1", "2"), distinct=80),
        column("acct_tx", "bk_dt", "date", "Day on which the booking was made", _days("01-31", "06-30")),
        column("acct_tx", "amt", "amount", "Amount that was booked", (5, 20, 90), unit="money"),
    ], synonyms=("bookings",))  # fmt: skip
    join(clients, "tx", bookings, ("cstId", "cstId"), "cst")
    return Model("Bank", {one.name: one for one in (clients, bookings)})


SHOP = make_shop()
BANK = make_bank()
SHOP_HINTS = Hints(
    collections={"items": CollectionHint(one="order line", many="order lines")},
    columns={"orders.order_date": ColumnHint(verb="were placed"), "orders.total": ColumnHint(words="order total")},
)


def at(name: str) -> Collection:
    """A collection of the shop."""
    return SHOP.collections[name]


def path(source: str, *names: str) -> Path:
    """A path of links of the shop."""
    links = []
    for name in names:
        links.append(at(source).links[name])
        source = links[-1].child
    return tuple(links)


def field(dotted: str) -> Field:
    """A column of the shop: "orders.total", or from orders "orders.customer.country"."""
    source, *steps, name = dotted.split(".")
    links = path(source, *steps)
    return Field(links, SHOP.end(at(source), links).columns[name])


def constant(value: Value) -> Constant:
    if isinstance(value, bool):
        return Constant(value, "flag")
    if isinstance(value, str):
        return Constant(value, "day" if value[:2] in ("19", "20") and value.count("-") == 2 else "text")
    return Constant(value)


def is_(operator: str, first: Expression, *values: Value | Expression) -> Call:
    """A comparison with plain values."""
    others = (one if isinstance(one, Expression) else constant(one) for one in values)
    return Call(operator, (first, *others))


def clauses(intent: Intent, dice: random.Random | None = None, hints: Hints = SHOP_HINTS) -> Clauses:
    return Clauses(intent, SHOP, Voice(Lexicon(SHOP, hints), dice or Steady()))


def ask(intent: Intent, register: str, dice: random.Random | None = None) -> str:
    """The question of an intent in one register; without dice always in the first wording."""
    spoken = clauses(intent, dice)
    return said(plan_of(spoken), spoken.voice, register)


def _aggregate(
    function: str, way: Path = (), *where: Expression, value: Expression | None = None, option: str = ""
) -> Aggregate:
    return Aggregate(function, way, where, value, option)


_ORDERS = path("customers", "orders")
_CUSTOMER = (("customer_id", field("customers.customer_id")), ("name", field("customers.name")))
_TOTAL = field("orders.total")
_MONTH = ("month", Call("START", (field("orders.order_date"),), "month"))
_IN_2022 = is_("EQ", Call("YEAR", (field("orders.order_date"),)), 2022)
_WEB = is_("EQ", field("orders.channel"), "web")
_CHANNEL = ("channel", field("orders.channel"))
_N = ("n", _aggregate("COUNT"))
_REVENUE = ("revenue", _aggregate("SUM", value=_TOTAL))
_BY_MONTH = ((Result("month"), False),)

# One intent a family, or more.
INTENTS: dict[str, Intent] = {
    "list": Intent(
        "list", at("customers"), "rows", ("name", "country", "joined"),
        (is_("EQ", field("customers.status"), "active"), is_("GE", field("customers.join_date"), "2022-01-01")),
        columns=(("name", field("customers.name")), ("country", field("customers.country")), ("joined", field("customers.join_date"))),
        order=(("joined", True), ("name", False)),
    ),
    "list, first few": Intent(
        "list", at("orders"), "rows", ("order_id", "total"), (is_("EQ", field("orders.customer.country"), "Canada"),),
        columns=(("order_id", field("orders.order_id")), ("total", _TOTAL)),
        order=(("total", True), ("order_id", False)), limit=5,
    ),
    "per_parent": Intent(
        "per_parent", at("customers"), "rows", ("customer_id", "name", "n", "average"),
        columns=(*_CUSTOMER, ("n", _aggregate("COUNT", _ORDERS)), ("average", _aggregate("AVG", _ORDERS, value=_TOTAL))),
        order=(("n", True), ("customer_id", False)),
    ),
    "per_parent, having": Intent(
        "per_parent", at("customers"), "rows", ("name", "n"),
        columns=(("name", field("customers.name")), ("n", _aggregate("COUNT", _ORDERS, _IN_2022))),
        having=(is_("GE", Result("n"), 3),),
    ),
    "groups": Intent(
        "groups", at("orders"), "groups", ("channel", "n", "average"), (_IN_2022,), (_CHANNEL,),
        (_N, ("average", Call("ROUND", (_aggregate("AVG", value=_TOTAL), Constant(2))))), order=(("n", True), ("channel", False)),
    ),
    "groups, having": Intent(
        "groups", at("orders"), "groups", ("country", "revenue"), (), (("country", field("orders.customer.country")),), (_REVENUE,),
        (is_("GT", Result("revenue"), 5000),), order=(("country", False),),
    ),
    "groups, first few": Intent(
        "groups", at("orders"), "groups", ("month", "revenue"), (_WEB,), (_MONTH,), (_REVENUE,), order=(("revenue", True), ("month", False)), limit=3
    ),
    "whole": Intent("whole", at("customers"), "whole", ("n",), (is_("EQ", field("customers.country"), "Japan", ), Exists(_ORDERS, (), True)), columns=(_N,)),
    "whole, percentage": Intent(
        "whole", at("orders"), "whole", ("p",), (_IN_2022,),
        columns=(("p", Call("ROUND", (Call("DIV", (Call("MUL", (Constant(100), _aggregate("COUNT", (), _WEB))), _aggregate("COUNT"))), Constant(1)))),),
    ),
    "whole, several": Intent(
        "whole", at("orders"), "whole", ("n", "revenue", "buyers"), (_WEB,),
        columns=(_N, _REVENUE, ("buyers", _aggregate("NDISTINCT", value=field("orders.customer_id")))),
    ),
    "share": Intent(
        "share", at("orders"), "groups", ("channel", "n", "share"), (), (_CHANNEL,), (_N,),
        windows=(("share", Call("ROUND", (Call("DIV", (Call("MUL", (Constant(100), Result("n"))), Window("RELSUM", Result("n")))), Constant(2)))),),
        order=(("n", True), ("channel", False)),
    ),
    "rank": Intent(
        "rank", at("orders"), "groups", ("channel", "revenue", "place"), (), (_CHANNEL,), (_REVENUE,),
        windows=(("place", Window("RANKING", None, ((Result("revenue"), True),), (), "dense")),), order=(("place", False), ("channel", False)),
    ),
    "rank within": Intent(
        "rank", at("customers"), "rows", ("country", "name", "limit"), (), (),
        (("country", field("customers.country")), ("name", field("customers.name")), ("id", field("customers.customer_id")),
         ("limit", field("customers.credit_limit"))),
        windows=(("place", Window("RANKING", None, ((Result("limit"), True), (Result("id"), False)), ("country",))),),
        kept=(is_("LE", Result("place"), 3),), order=(("country", False), ("place", False)),
    ),
    "change": Intent(
        "change", at("orders"), "groups", ("month", "revenue", "change"), (), (_MONTH,), (_REVENUE,),
        windows=(("change", Call("SUB", (Result("revenue"), Window("PREV", Result("revenue"), _BY_MONTH)))),), order=(("month", False),),
    ),
    "running": Intent(
        "running", at("orders"), "groups", ("month", "n", "so_far"), (_IN_2022,), (_MONTH,), (_N,),
        windows=(("so_far", Window("RELSUM", Result("n"), _BY_MONTH, (), "running")),), order=(("month", False),),
    ),
    "above_average": Intent(
        "above_average", at("customers"), "rows", ("name", "limit"), (is_("EQ", field("customers.status"), "active"),),
        columns=(("name", field("customers.name")), ("limit", field("customers.credit_limit"))),
        windows=(("mean", Window("RELAVG", Result("limit"))),), kept=(is_("GT", Result("limit"), Result("mean")),),
        order=(("limit", True), ("name", False)),
    ),
    "best": Intent(
        "best", at("customers"), "rows", ("name", "date", "total"), (Exists(_ORDERS),),
        columns=(("name", field("customers.name")), *((name, Best(_ORDERS, (), ((field("orders.order_date"), True), (field("orders.order_id"), False)), value))
                 for name, value in (("date", field("orders.order_date")), ("total", _TOTAL)))),
        order=(("name", False),),
    ),
    "presence": Intent(
        "presence", at("customers"), "rows", ("customer_id", "name"),
        (Exists(_ORDERS, (_WEB,)), Exists(_ORDERS, (is_("EQ", field("orders.channel"), "phone"),), True)), columns=_CUSTOMER,
    ),
    "two_level": Intent(
        "two_level", at("customers"), "rows", ("average",), columns=(("n", _aggregate("COUNT", _ORDERS)),), summary=(("average", "AVG", "n"),)
    ),
    "bucket": Intent(
        "bucket", at("orders"), "groups", ("size", "n"), (), (("size", Call("IFF", (is_("GE", _TOTAL, 90), constant("high"), constant("low")))),), (_N,)
    ),
    "text": Intent(
        "text", at("products"), "rows", ("name", "short"), (is_("EQ", field("products.product_type"), "chair"),),
        columns=(("name", field("products.name")), ("short", Call("SLICE", (field("products.name"), Constant(0), Constant(3))))),
    ),
    "gap": Intent(
        "gap", at("orders"), "rows", ("order_id", "days"), (is_("EQ", field("orders.order_status"), "P"),),
        columns=(("order_id", field("orders.order_id")), ("days", Call("DIFFERENCE", (field("orders.order_date"), field("orders.due_date")), "days"))),
        order=(("days", True), ("order_id", False)), limit=10,
    ),
    "compare": Intent(
        "compare", at("orders"), "groups", ("month", "web", "phone", "gap"), (), (_MONTH,),
        (("web", _aggregate("COUNT", (), _WEB)), ("phone", _aggregate("COUNT", (), is_("EQ", field("orders.channel"), "phone"))),
         ("gap", Call("SUB", (_aggregate("COUNT", (), _WEB), _aggregate("COUNT", (), is_("EQ", field("orders.channel"), "phone")))))),
    ),
}  # fmt: skip
