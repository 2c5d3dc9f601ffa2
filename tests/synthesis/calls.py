"""Every call of the tree, each as a column beside the key of its row."""

from __future__ import annotations

from tests.synthesis.intents import BOUGHT, DAY, DEAR, ITEM, JOINED, NAME, PRICE, QUANTITY, RATING, STATE, call, rows
from tests.synthesis.shop import at, constant
from utils.synthesis.intent import Expression, Intent

CALLS: dict[str, tuple[str, Expression]] = {
    "add": ("items", call("ADD", PRICE, QUANTITY)),
    "subtract from the right": ("items", call("SUB", PRICE, call("SUB", QUANTITY, constant(2)))),
    "nested arithmetic": (
        "items",
        call("MUL", call("ADD", PRICE, constant(1)), call("SUB", constant(1), constant(0.25))),
    ),
    "whole numbers divided": ("items", call("DIV", QUANTITY, constant(2))),
    "divided by a column": ("items", call("DIV", ITEM, QUANTITY)),
    "divided by nothing": ("items", call("DIV", ITEM, constant(0))),
    "divided twice": ("items", call("DIV", call("DIV", ITEM, QUANTITY), call("DIV", constant(7), ITEM))),
    "product divided": (
        "items",
        call("DIV", call("MUL", constant(100.0), QUANTITY), call("ADD", QUANTITY, constant(3))),
    ),
    "rounded": ("items", call("ROUND", call("DIV", PRICE, constant(8)), constant(1))),
    "rounded to whole": ("items", call("ROUND", PRICE, constant(0))),
    "absolute": ("items", call("ABS", call("SUB", QUANTITY, constant(3)))),
    "floor": ("items", call("FLOOR", call("SUB", constant(0), PRICE))),
    "ceiling": ("items", call("CEIL", PRICE)),
    "sign": ("items", call("SIGN", call("SUB", QUANTITY, constant(3)))),
    "root": ("items", call("SQRT", call("SUB", QUANTITY, constant(2)))),
    "power": ("items", call("POWER", QUANTITY, constant(2))),
    "largest": ("items", call("LARGEST", QUANTITY, constant(3), PRICE)),
    "smallest": ("items", call("SMALLEST", QUANTITY, constant(3))),
    "cut": ("items", call("INTEGER", call("SUB", constant(2), PRICE))),
    "number of a text": ("items", call("INTEGER", call("STRING", QUANTITY))),
    "number of a condition": ("owners", call("INTEGER", call("GT", RATING, constant(2)))),
    "float": ("items", call("DIV", call("FLOAT", QUANTITY), constant(4))),
    "lower": ("owners", call("LOWER", NAME)),
    "upper": ("owners", call("UPPER", NAME)),
    "length": ("owners", call("LENGTH", STATE)),
    "strip": ("owners", call("STRIP", NAME)),
    "slice": ("owners", call("SLICE", NAME, constant(1), constant(4))),
    "empty slice": ("owners", call("SLICE", NAME, constant(3), constant(1))),
    "join": ("owners", call("JOIN", constant(", "), NAME, STATE)),
    "join closely": ("owners", call("JOIN", constant(""), NAME, constant("-"), STATE)),
    "length of a join": ("owners", call("ADD", call("LENGTH", call("JOIN", constant(" "), NAME, STATE)), constant(1))),
    "join compared": ("owners", call("EQ", call("JOIN", constant("-"), STATE, STATE), constant("NY-NY"))),
    "replace": ("owners", call("REPLACE", NAME, constant("an"), constant("'"))),
    "count of a piece": ("owners", call("STRCOUNT", NAME, constant("an"))),
    "find": ("owners", call("FIND", NAME, constant("n"))),
    "left padded": ("owners", call("LPAD", STATE, constant(4), constant("*"))),
    "left padded number": ("items", call("LPAD", QUANTITY, constant(3), constant("0"))),
    "right padded": ("owners", call("RPAD", NAME, constant(5), constant("'"))),
    **{
        f"part {number} at {separator!r}": ("owners", call("GETPART", NAME, constant(separator), constant(number)))
        for separator in (" ", ", ", "-")
        for number in (1, 2, 3, -1, -2)
    },
    "string": ("items", call("STRING", QUANTITY)),
    **{
        f"{operator} of a moment": ("items", call(operator, BOUGHT))
        for operator in (
            "YEAR",
            "QUARTER",
            "MONTH",
            "DAY",
            "HOUR",
            "MINUTE",
            "SECOND",
            "DAYNAME",
            "MONTHNAME",
            "DAYOFWEEK",
        )
    },
    **{
        f"{operator} of a day": ("owners", call(operator, JOINED))
        for operator in ("QUARTER", "HOUR", "DAYNAME", "DAYOFWEEK")
    },
    **{
        f"start of {unit}": ("items", call("START", BOUGHT, option=unit))
        for unit in ("year", "quarter", "month", "week", "day")
    },
    **{
        f"start of {unit} of a day": ("owners", call("START", JOINED, option=unit))
        for unit in ("quarter", "week", "day")
    },
    **{
        f"{what}, {unit}": (source, call("DIFFERENCE", *dates, option=unit))
        for unit in ("years", "months", "days", "hours")
        for what, source, dates in [
            ("day to moment", "items", (at("items", "owner", "joined"), BOUGHT)),
            ("moment to constant", "items", (BOUGHT, constant(DAY))),
            ("constant to day", "owners", (constant(DAY), JOINED)),
        ]
    },
    "days later": ("owners", call("MOVED", JOINED, constant(45), option="days")),
    "days before a moment": ("items", call("MOVED", BOUGHT, constant(-45), option="days")),
    "months after a start": (
        "items",
        call("MOVED", call("START", BOUGHT, option="month"), constant(-5), option="months"),
    ),
    "years after a start": ("items", call("MOVED", call("START", BOUGHT, option="year"), constant(1), option="years")),
    "days by a column": ("items", call("MOVED", BOUGHT, QUANTITY, option="days")),
    "a moved day compared": ("owners", call("GT", call("MOVED", JOINED, constant(30), option="days"), constant(DAY))),
    "a moved moment compared": ("items", call("GT", call("MOVED", BOUGHT, constant(1), option="days"), constant(DAY))),
    "choice": ("items", call("IFF", DEAR, constant("dear"), constant("cheap"))),
    "kept": ("items", call("KEEP_IF", PRICE, DEAR)),
    "default": ("items", call("ADD", call("DEFAULT_TO", PRICE, QUANTITY, constant(0)), constant(1))),
}


def of_calls() -> dict[str, Intent]:
    """Each call as a column beside the key."""
    return {name: rows(source, ("id", at(source, "id")), ("value", node)) for name, (source, node) in CALLS.items()}
