"""Intents over the small shop, at least one for each construct of the tree."""

from __future__ import annotations

import datetime

from tests.synthesis.shop import MODEL, at, constant, path
from utils.synthesis.intent import (
    Aggregate,
    Best,
    Call,
    Exists,
    Expression,
    Intent,
    Result,
    Window,
)

DAY = datetime.date(2023, 3, 1)


def call(operator: str, *arguments: Expression, option: str = "") -> Call:
    return Call(operator, arguments, option)


def rows(source: str, *columns: tuple[str, Expression], **more) -> Intent:
    names = tuple(name for name, _ in (*columns, *more.get("windows", ())))
    return Intent("test", MODEL.collections[source], "rows", more.pop("output", names), columns=columns, **more)


def groups(source: str, keys, *columns: tuple[str, Expression], **more) -> Intent:
    names = tuple(name for name, _ in (*keys, *columns, *more.get("windows", ())))
    output = more.pop("output", names)
    return Intent("test", MODEL.collections[source], "groups", output, keys=tuple(keys), columns=columns, **more)


def whole(source: str, *columns: tuple[str, Expression], **more) -> Intent:
    names = tuple(name for name, _ in columns)
    return Intent("test", MODEL.collections[source], "whole", more.pop("output", names), columns=columns, **more)


def count(source: str, *links: str, where: tuple[Expression, ...] = ()) -> Aggregate:
    return Aggregate("COUNT", path(source, *links), where)


def each(function: str, source: str, links: tuple[str, ...], value: Expression, where=(), option="") -> Aggregate:
    return Aggregate(function, path(source, *links), tuple(where), value, option)


def over(function: str, value: Expression, where=(), option: str = "") -> Aggregate:
    return Aggregate(function, (), tuple(where), value, option)


OWNER, ITEM = at("owners", "id"), at("items", "id")
NAME, STATE, RATING, JOINED = (at("owners", name) for name in ("name", "state", "rating", "joined"))
PRICE, KIND, QUANTITY, BOUGHT = (at("items", name) for name in ("price", "kind", "quantity", "bought"))
COST, MADE = at("parts", "cost"), at("parts", "made")
ID = ("id", OWNER)
EVERY_AGGREGATE = ("SUM", "AVG", "MIN", "MAX", "MEDIAN", "STD", "VAR", "NDISTINCT")
ALL_ORDERED = {"order": (("id", False),)}
DEAR = call("GT", PRICE, constant(10))


def _windows(*named: tuple[str, Expression], **more) -> Intent:
    return rows("items", ("id", ITEM), ("price", PRICE), ("kind", KIND), windows=tuple(named), **more)


def _window(function: str, value: str = "", option: str = "", per: tuple[str, ...] = (), descending: bool = False):
    by = ((Result("price"), descending), (Result("id"), False))
    return Window(function, Result(value) if value else None, by, per, option)


ITEMS_OF_OWNERS = MODEL.collections["owners"].links["items"]

INTENTS: dict[str, Intent] = {
    "plain rows": rows("owners", ID, ("name", NAME), ("state", STATE)),
    "two conditions": rows(
        "owners", ID, where=(call("EQ", STATE, constant("NY")), call("GE", RATING, constant(3))), order=(("id", True),)
    ),
    "not of null": rows("owners", ID, where=(call("NOT", call("EQ", STATE, constant("NY"))),)),
    "unequal": rows("owners", ID, where=(call("NE", STATE, constant("NY")),)),
    "or and and": rows(
        "owners",
        ID,
        where=(
            call(
                "OR",
                call("AND", call("EQ", STATE, constant("NY")), call("LT", RATING, constant(3))),
                call("ABSENT", STATE),
            ),
        ),
    ),
    "condition as column": rows(
        "owners",
        ID,
        ("good", call("GE", RATING, constant(3))),
        ("both", call("AND", call("PRESENT", STATE), call("LT", RATING, constant(4)))),
    ),
    "flag": rows("owners", ID, ("active", at("owners", "active")), where=(at("owners", "active"),)),
    "flag compared": rows("owners", ID, where=(call("EQ", at("owners", "active"), constant(False)),)),
    "between and in": rows(
        "owners",
        ID,
        where=(
            call("BETWEEN", RATING, constant(2), constant(4)),
            call("IN", STATE, constant("NY"), constant("O'Neil"), constant("CA")),
        ),
    ),
    "quoted text": rows("owners", ID, where=(call("EQ", STATE, constant("O'Neil")),)),
    "text with a line end": rows("owners", ID, where=(call("EQ", NAME, constant("two\nlines")),)),
    "contains": rows("owners", ID, where=(call("CONTAINS", NAME, constant("an")),)),
    "starts": rows("owners", ID, where=(call("STARTSWITH", NAME, constant("A")),)),
    "ends": rows("owners", ID, where=(call("ENDSWITH", NAME, constant("n")),)),
    "like": rows("owners", ID, where=(call("LIKE", NAME, constant("a%_n%")),)),
    "wildcards are signs": rows("owners", ID, where=(call("CONTAINS", NAME, constant("5%_")),)),
    "contains a column": rows("owners", ID, where=(call("CONTAINS", NAME, STATE),)),
    "singular link": rows("items", ("id", ITEM), ("owner", at("items", "owner", "name"))),
    "two singular links": rows(
        "parts",
        ("id", at("parts", "id")),
        ("owner", at("parts", "item", "owner", "name")),
        ("maker", at("parts", "maker", "name")),
        where=(call("NE", at("parts", "item", "kind"), constant("toy")),),
    ),
    "absent over a link": rows("items", ("id", ITEM), where=(call("ABSENT", at("items", "owner", "state")),)),
    "not over a link": rows(
        "items", ("id", ITEM), where=(call("NOT", call("IN", at("items", "owner", "state"), constant("NY"))),)
    ),
    "not between over a link": rows(
        "items",
        ("id", ITEM),
        where=(call("NOT", call("BETWEEN", PRICE, at("items", "owner", "rating"), constant(20))),),
    ),
    "default over a link": rows(
        "items",
        ("id", ITEM),
        where=(call("EQ", call("DEFAULT_TO", at("items", "owner", "state"), constant("?")), constant("?")),),
    ),
    "day of a moment": rows("items", ("id", ITEM), ("bought", BOUGHT), where=(call("GE", BOUGHT, constant(DAY)),)),
    "until a day": rows("items", ("id", ITEM), where=(call("LE", BOUGHT, constant(DAY)),)),
    "at a day": rows("items", ("id", ITEM), where=(call("EQ", BOUGHT, constant(DAY)),)),
    "moments between days": rows(
        "items", ("id", ITEM), where=(call("BETWEEN", BOUGHT, constant(datetime.date(2023, 2, 1)), constant(DAY)),)
    ),
    "day against moment": rows("items", ("id", ITEM), where=(call("LT", at("items", "owner", "joined"), BOUGHT),)),
    "day against day": rows("owners", ID, where=(call("LT", JOINED, constant(DAY)),)),
    "day in a list": rows("owners", ID, where=(call("IN", JOINED, constant(DAY)),)),
    "start against a day": rows(
        "items", ("id", ITEM), where=(call("EQ", call("START", BOUGHT, option="month"), constant(DAY)),)
    ),
    "start against its moment": rows(
        "items", ("id", ITEM), where=(call("EQ", call("START", BOUGHT, option="day"), BOUGHT),)
    ),
    "later day": rows(
        "items",
        ("id", ITEM),
        ("later", call("LARGEST", at("items", "owner", "joined"), BOUGHT)),
        ("first", call("SMALLEST", at("items", "owner", "joined"), BOUGHT)),
        ("some", call("DEFAULT_TO", at("items", "owner", "joined"), BOUGHT)),
        ("one", call("IFF", DEAR, at("items", "owner", "joined"), BOUGHT)),
    ),
    "count of children": rows("owners", ID, ("n", count("owners", "items")), **ALL_ORDERED),
    "count of children's children": rows(
        "owners",
        ID,
        ("parts", count("owners", "items", "parts")),
        ("items", count("owners", "items")),
        ("cost", each("SUM", "owners", ("items", "parts"), COST)),
    ),
    "filtered children": rows(
        "owners",
        ID,
        ("dear", count("owners", "items", where=(DEAR,))),
        ("total", each("SUM", "owners", ("items",), PRICE, (DEAR,))),
        ("all", count("owners", "items")),
    ),
    **{
        f"{function} of children": rows(
            "owners",
            ID,
            ("found", each(function, "owners", ("items",), PRICE)),
            ("n", count("owners", "items")),
        )
        for function in EVERY_AGGREGATE
    },
    "every aggregate of children": rows(
        "owners", ID, *((name.lower(), each(name, "owners", ("items",), QUANTITY)) for name in EVERY_AGGREGATE)
    ),
    **{
        f"quantile {share} of children": rows(
            "owners", ID, ("found", each("QUANTILE", "owners", ("items",), PRICE, option=share))
        )
        for share in ("0", "0.1", "0.25", "0.5", "0.9", "1")
    },
    "anything": rows("owners", ID, ("found", each("ANYTHING", "owners", ("items",), at("items", "owner", "name")))),
    "dates of children": rows(
        "owners",
        ID,
        ("first", each("MIN", "owners", ("items",), BOUGHT)),
        ("last", each("MAX", "owners", ("items", "parts"), MADE)),
        ("early", each("QUANTILE", "owners", ("items",), BOUGHT, option="0.25")),
    ),
    "by a link of the children": rows(
        "owners",
        ID,
        ("makers", each("NDISTINCT", "owners", ("items", "parts", "maker"), at("makers", "country"))),
        (
            "french",
            count("owners", "items", "parts", where=(call("EQ", at("parts", "maker", "country"), constant("FR")),)),
        ),
    ),
    "siblings": rows("items", ("id", ITEM), ("siblings", count("items", "owner", "items"))),
    "two keys": rows("items", ("id", ITEM), ("stars", each("AVG", "items", ("reviews",), at("reviews", "stars")))),
    "child with children": rows(
        "owners",
        ID,
        ("rich", count("owners", "items", where=(call("GE", count("items", "parts"), constant(2)),))),
        ("most", each("MAX", "owners", ("items",), count("items", "parts"))),
        ("mean", each("AVG", "owners", ("items",), each("SUM", "items", ("parts",), COST))),
    ),
    "ratio of children": rows(
        "owners",
        ID,
        ("share", call("DIV", count("owners", "items", where=(DEAR,)), count("owners", "items"))),
    ),
    "owners with many": rows("owners", ID, where=(call("GE", count("owners", "items"), constant(2)),)),
    "having over rows": rows(
        "owners",
        ID,
        ("n", count("owners", "items")),
        ("mean", each("AVG", "owners", ("items",), PRICE)),
        having=(call("LT", Result("mean"), constant(20)),),
    ),
    "column of columns": rows(
        "owners",
        ("n", count("owners", "items")),
        ("double", call("MUL", Result("n"), constant(2))),
        ID,
        output=("id", "double"),
        having=(call("GT", Result("double"), constant(2)),),
    ),
    "exists": rows("owners", ID, where=(Exists(path("owners", "items"), (DEAR,)),)),
    "exists not": rows("owners", ID, where=(Exists(path("owners", "items"), (DEAR,), negated=True),)),
    "exists far": rows(
        "owners",
        ID,
        (
            "french",
            Exists(path("owners", "items", "parts"), (call("EQ", at("parts", "maker", "country"), constant("FR")),)),
        ),
    ),
    "exists in exists": rows(
        "owners", ID, where=(Exists(path("owners", "items"), (Exists(path("items", "parts"), negated=True),)),)
    ),
    "exists of its own kind": rows(
        "items",
        ("id", ITEM),
        where=(Exists(path("items", "owner", "items"), (call("EQ", KIND, constant("toy")),)),),
    ),
    "not exists within not": rows("owners", ID, where=(call("NOT", Exists(path("owners", "items"), negated=True)),)),
    "best child": rows(
        "owners",
        ID,
        ("dearest", Best(path("owners", "items"), (), ((PRICE, True), (ITEM, False)), at("items", "name"))),
        ("price", Best(path("owners", "items"), (), ((PRICE, True), (ITEM, False)), PRICE)),
        ("oldest", Best(path("owners", "items"), (DEAR,), ((BOUGHT, False), (ITEM, True)), ITEM)),
    ),
    "best grandchild": rows(
        "owners",
        ID,
        (
            "maker",
            Best(
                path("owners", "items", "parts"),
                (),
                ((COST, False), (at("parts", "id"), False)),
                at("parts", "maker", "name"),
            ),
        ),
    ),
    "top": rows("items", ("id", ITEM), ("price", PRICE), order=(("price", True), ("id", False)), limit=3),
    "bottom, nulls first": rows(
        "items", ("id", ITEM), ("price", PRICE), order=(("price", False), ("id", True)), limit=5
    ),
    "order by what is not shown": rows(
        "items",
        ("id", ITEM),
        ("total", call("MUL", PRICE, QUANTITY)),
        output=("id",),
        order=(("total", True), ("id", False)),
        limit=4,
    ),
    "top by children": rows(
        "owners", ID, ("n", count("owners", "items")), order=(("n", True), ("id", False)), limit=2, output=("id",)
    ),
    # groups
    "groups": groups("owners", [("state", STATE)], ("n", Aggregate("COUNT")), ("mean", over("AVG", RATING))),
    "groups without columns": groups("owners", [("state", STATE), ("rating", RATING)]),
    "computed key": groups(
        "items",
        [("year", call("YEAR", BOUGHT)), ("month", call("MONTH", BOUGHT))],
        ("total", over("SUM", PRICE)),
        order=(("year", False), ("month", False)),
    ),
    "computed key, not all shown": groups(
        "items",
        [("year", call("YEAR", BOUGHT)), ("kind", KIND)],
        ("total", over("SUM", PRICE)),
        output=("total", "kind"),
        order=(("total", False), ("kind", False), ("year", False)),
    ),
    "buckets": groups(
        "items",
        [
            (
                "size",
                call(
                    "IFF",
                    call("LT", PRICE, constant(10)),
                    constant("small"),
                    call("IFF", call("LT", PRICE, constant(20)), constant("middle"), constant("large")),
                ),
            )
        ],
        ("n", Aggregate("COUNT")),
    ),
    "group by a link": groups("items", [("state", at("items", "owner", "state"))], ("n", Aggregate("COUNT"))),
    "group by a condition": groups("items", [("dear", DEAR)], ("n", Aggregate("COUNT"))),
    "group by number of children": groups(
        "owners",
        [("n", count("owners", "items"))],
        ("owners", Aggregate("COUNT")),
        ("total", each("SUM", "owners", ("items",), PRICE)),
    ),
    "group by presence": groups("owners", [("has", Exists(path("owners", "items")))], ("n", Aggregate("COUNT"))),
    "having": groups(
        "items",
        [("kind", KIND)],
        ("n", Aggregate("COUNT")),
        ("total", over("SUM", PRICE)),
        having=(call("GE", Result("n"), constant(2)), call("PRESENT", Result("kind"))),
        output=("kind", "total"),
    ),
    "filtered in groups": groups(
        "items",
        [("kind", KIND)],
        ("dear", Aggregate("COUNT", where=(DEAR,))),
        ("share", call("DIV", Aggregate("COUNT", where=(DEAR,)), Aggregate("COUNT"))),
        ("total", over("SUM", PRICE, (call("PRESENT", at("items", "owner", "state")),))),
        ("lost", Aggregate("COUNT", where=(Exists(path("items", "parts"), negated=True),))),
    ),
    **{
        f"{function} in groups": groups(
            "items",
            [("kind", KIND)],
            ("found", over(function, PRICE)),
            ("dear", over(function, PRICE, (DEAR,))),
            ("n", Aggregate("COUNT")),
            ("many", Aggregate("COUNT", where=(DEAR,))),
        )
        for function in EVERY_AGGREGATE
    },
    "median with a computed key": groups(
        "items",
        [("year", call("YEAR", BOUGHT))],
        ("median", over("MEDIAN", PRICE)),
        ("p90", over("QUANTILE", PRICE, option="0.9")),
        having=(call("GT", Result("median"), constant(5)),),
        order=(("median", True), ("year", False)),
        limit=3,
    ),
    "deviation where some exist": groups(
        "items", [("kind", KIND)], ("found", over("STD", PRICE, (Exists(path("items", "parts")),)))
    ),
    "children in groups": groups(
        "owners",
        [("state", STATE)],
        ("owners", Aggregate("COUNT")),
        ("items", count("owners", "items")),
        ("dear", count("owners", "items", where=(DEAR,))),
        ("total", each("SUM", "owners", ("items",), PRICE)),
        ("parts", count("owners", "items", "parts")),
    ),
    **{
        f"{function} of children in groups": groups(
            "owners", [("state", STATE)], ("found", each(function, "owners", ("items",), PRICE))
        )
        for function in EVERY_AGGREGATE
    },
    "children of chosen groups": groups(
        "owners",
        [("state", STATE), ("good", call("GE", RATING, constant(3)))],
        ("n", count("owners", "items")),
        ("mean", each("AVG", "owners", ("items",), PRICE)),
        where=(call("NE", RATING, constant(1)), call("LE", count("owners", "items"), constant(3))),
        having=(call("GT", Result("n"), constant(0)),),
        order=(("n", True), ("state", False), ("good", False)),
        limit=3,
    ),
    "children beside values": groups(
        "items",
        [("state", at("items", "owner", "state"))],
        ("price", over("SUM", PRICE)),
        ("cost", each("SUM", "items", ("parts",), COST)),
        ("ratio", call("DIV", Result("cost"), Result("price"))),
    ),
    "value that counts children": groups(
        "owners",
        [("state", STATE)],
        ("mean", over("AVG", count("owners", "items"))),
        ("most", over("MAX", each("SUM", "owners", ("items",), PRICE), (call("PRESENT", RATING),))),
        ("median", over("MEDIAN", count("owners", "items"))),
    ),
    "via in groups": groups(
        "items", [("kind", KIND)], ("n", Aggregate("COUNT")), ("parts", count("items", "parts")), via=ITEMS_OF_OWNERS
    ),
    # whole
    "whole": whole("items", ("n", Aggregate("COUNT")), ("total", over("SUM", PRICE)), where=(DEAR,)),
    "whole of nothing": whole(
        "items",
        ("n", Aggregate("COUNT")),
        ("total", over("SUM", PRICE)),
        ("kinds", over("NDISTINCT", KIND)),
        ("mean", over("AVG", PRICE)),
        ("median", over("MEDIAN", PRICE)),
        ("std", over("STD", PRICE)),
        where=(call("GT", PRICE, constant(100_000)),),
    ),
    "all of the whole": whole(
        "items",
        *((name.lower(), over(name, PRICE)) for name in EVERY_AGGREGATE),
        ("p", over("QUANTILE", PRICE, option="0.75")),
    ),
    "share of the whole": whole(
        "items",
        (
            "share",
            call(
                "ROUND",
                call("DIV", call("MUL", constant(100), Aggregate("COUNT", where=(DEAR,))), Aggregate("COUNT")),
                constant(2),
            ),
        ),
    ),
    "difference of sets": whole(
        "owners",
        (
            "more",
            call(
                "SUB",
                over("AVG", RATING, (call("EQ", STATE, constant("NY")),)),
                over("AVG", RATING, (call("EQ", STATE, constant("CA")),)),
            ),
        ),
    ),
    "children of the whole": whole(
        "owners",
        ("owners", Aggregate("COUNT")),
        ("items", count("owners", "items")),
        ("cost", each("SUM", "owners", ("items", "parts"), COST)),
        where=(call("EQ", STATE, constant("NY")),),
    ),
    "only children of the whole": whole(
        "owners", ("items", count("owners", "items")), ("median", each("MEDIAN", "owners", ("items",), PRICE))
    ),
    "children of nothing": whole(
        "owners",
        ("items", count("owners", "items")),
        ("total", each("SUM", "owners", ("items",), PRICE)),
        ("mean", each("AVG", "owners", ("items",), PRICE)),
        where=(call("EQ", STATE, constant("nowhere")),),
    ),
    "whole having": whole("owners", ("n", Aggregate("COUNT")), having=(call("GT", Result("n"), constant(1_000)),)),
    # windows
    "rank": _windows(("place", _window("RANKING"))),
    "rank with ties": _windows(
        ("ties", Window("RANKING", by=((Result("price"), True),), option="ties")),
        ("dense", Window("RANKING", by=((Result("price"), False),), option="dense")),
    ),
    "rank per kind": _windows(
        ("place", _window("RANKING", per=("kind",), descending=True)),
        kept=(call("LE", Result("place"), constant(2)),),
        order=(("kind", False), ("place", False)),
        output=("kind", "id", "place"),
    ),
    "buckets of rows": _windows(("bucket", _window("PERCENTILE", option="4"))),
    "before and after": _windows(
        ("before", _window("PREV", "price")),
        ("second", _window("PREV", "id", "2")),
        ("after", _window("NEXT", "kind", per=("kind",))),
        ("change", call("SUB", Result("price"), _window("PREV", "price"))),
    ),
    "running": _windows(
        ("running", _window("RELSUM", "price", "running")),
        ("three", _window("RELAVG", "price", "3", per=("kind",))),
        ("known", _window("RELCOUNT", "price", "running")),
        ("rows", _window("RELSIZE", "", "2")),
    ),
    "over all": _windows(
        ("sum", Window("RELSUM", Result("price"))),
        ("mean", Window("RELAVG", Result("price"), per=("kind",))),
        ("known", Window("RELCOUNT", Result("price"))),
        ("rows", Window("RELSIZE", per=("kind",))),
        ("share", call("DIV", Result("price"), Window("RELSUM", Result("price"), per=("kind",)))),
    ),
    "order without effect": _windows(("sum", _window("RELSUM", "price"))),
    "window on a window": _windows(
        ("place", _window("RANKING", per=("kind",))),
        ("before", Window("PREV", Result("place"), ((Result("id"), False),))),
        ("step", call("SUB", Result("place"), Result("before"))),
        kept=(call("PRESENT", Result("before")),),
    ),
    "above the mean": rows(
        "items",
        ("id", ITEM),
        ("total", call("MUL", PRICE, QUANTITY)),
        windows=(("mean", Window("RELAVG", Result("total"))),),
        kept=(call("GT", Result("total"), Result("mean")),),
        output=("id",),
        order=(("id", False),),
        limit=4,
    ),
    "per parent": rows(
        "items",
        ("id", ITEM),
        ("owner", at("items", "owner", "name")),
        ("price", PRICE),
        windows=(
            ("place", _window("RANKING", per=("parent",))),
            ("sum", Window("RELSUM", Result("price"), per=("parent",))),
        ),
        via=ITEMS_OF_OWNERS,
        kept=(call("EQ", Result("place"), constant(1)),),
    ),
    "per parent of computed rows": rows(
        "items",
        ("id", ITEM),
        ("parts", count("items", "parts")),
        windows=(("place", Window("RANKING", None, ((Result("parts"), True), (Result("id"), False)), ("parent",))),),
        via=ITEMS_OF_OWNERS,
        where=(call("PRESENT", PRICE),),
        having=(call("GT", Result("parts"), constant(0)),),
    ),
    "via without windows": rows("items", ("id", ITEM), via=ITEMS_OF_OWNERS),
    "via with equal parts": rows(
        "reviews", ("id", at("reviews", "id")), via=MODEL.collections["items"].links["reviews"]
    ),
    "change between months": groups(
        "items",
        [("month", call("START", BOUGHT, option="month"))],
        ("total", over("SUM", PRICE)),
        where=(call("PRESENT", BOUGHT),),
        windows=(
            ("before", Window("PREV", Result("total"), ((Result("month"), False),))),
            ("growth", call("DIV", call("SUB", Result("total"), Result("before")), Result("before"))),
        ),
        order=(("month", False),),
    ),
    "best group per key": groups(
        "items",
        [("state", at("items", "owner", "state")), ("kind", KIND)],
        ("n", Aggregate("COUNT")),
        windows=(("place", Window("RANKING", None, ((Result("n"), True), (Result("kind"), False)), ("state",))),),
        kept=(call("EQ", Result("place"), constant(1)),),
        output=("state", "kind", "n"),
    ),
    "share of groups": groups(
        "items",
        [("kind", KIND)],
        ("n", Aggregate("COUNT")),
        windows=(("share", call("DIV", Result("n"), Window("RELSUM", Result("n")))),),
    ),
    "window over the whole": whole(
        "items", ("n", Aggregate("COUNT")), windows=(("same", Window("RELSUM", Result("n"))),), output=("n", "same")
    ),
    # summaries
    "mean of counts": rows(
        "owners",
        ("n", count("owners", "items")),
        summary=(("mean", "AVG", "n"), ("most", "MAX", "n"), ("rows", "COUNT", "")),
        output=("mean", "most", "rows"),
    ),
    "median of sums": groups(
        "items",
        [("kind", KIND)],
        ("total", over("SUM", PRICE)),
        having=(call("PRESENT", Result("kind")),),
        summary=(
            ("median", "MEDIAN", "total"),
            ("deviation", "STD", "total"),
            ("kinds", "NDISTINCT", "kind"),
            ("sum", "SUM", "total"),
        ),
        output=("median", "deviation", "kinds", "sum"),
    ),
    "summary of ranked": _windows(
        ("place", _window("RANKING", per=("kind",), descending=True)),
        kept=(call("EQ", Result("place"), constant(1)),),
        summary=(("total", "SUM", "price"), ("n", "COUNT", "")),
        output=("n", "total"),
    ),
    "summary of windows": _windows(
        ("change", call("SUB", Result("price"), _window("PREV", "price"))),
        summary=(("mean", "AVG", "change"),),
        output=("mean",),
    ),
    "summary of nothing": rows(
        "items",
        ("price", PRICE),
        where=(call("GT", PRICE, constant(10_000)),),
        summary=(("n", "COUNT", ""), ("sum", "SUM", "price"), ("low", "MIN", "price")),
        output=("n", "sum", "low"),
    ),
}
