"""What a user may put right in how synthesis reads and words a graph: a small JSON file beside it.

The hints of `graphs/broker.json` stand in `graphs/broker.hints.json`; there need be none:

    {
      "collections": {"customers": {"one": "customer", "many": "customers", "person": true}},
      "columns": {
        "customers.join_date": {"verb": "joined"},
        "transactions.date_time": {"verb": "were placed"},
        "daily_prices.close": {"role": "measure", "unit": "money", "words": "closing price", "many": "closing prices"}
      }
    }
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from utils.core.console import UserError
from utils.core.paths import hints_path
from utils.databases.schema_text import load_graphs
from utils.synthesis.model import Role

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Hint(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CollectionHint(_Hint):
    """How a collection is called; whatever is left out is read from the graph."""

    one: Words | None = None  # a row: "customer"
    many: Words | None = None  # rows: "customers"
    person: bool | None = None  # rows are people: "who", "whose", not "that"
    skip: bool = False  # nothing is asked of it


class ColumnHint(_Hint):
    """What a property is and how it is called; whatever is left out is read from the graph and the data."""

    role: Role | None = None
    unit: str | None = None  # what may be added and compared has one unit: "money", "shares"; "" for none
    words: Words | None = None  # a value: "closing price"
    many: Words | None = None  # values: "closing prices"
    verb: Words | None = None  # what rows did on a date: customers who "joined", orders that "were placed" in 2023
    says: Words | None = None  # before a value of a category: orders "handled by" a clerk, parts "of type" STEEL
    of: Words | None = None  # whose the value is, where it is not the row's own: the closing price of "the ticker"


class Hints(_Hint):
    """All hints of a graph: collections by name, columns by "collection.property". Both may lack any."""

    collections: dict[str, CollectionHint] = Field(default_factory=dict)
    columns: dict[str, ColumnHint] = Field(default_factory=dict)

    def collection(self, name: str) -> CollectionHint:
        """The hint for a collection, an empty one where there is none."""
        return self.collections.get(name, CollectionHint())

    def column(self, collection: str, name: str) -> ColumnHint:
        """The hint for a property, an empty one where there is none."""
        return self.columns.get(f"{collection}.{name}", ColumnHint())


def read_hints(graph_path: Path) -> Hints:
    """The hints beside a graph file, none where that file is absent.

    Raises UserError, naming file and key, for one that is no JSON, says something unknown, or speaks of a collection
    or property that no graph of the file has.
    """
    path = hints_path(graph_path)
    if not path.is_file():
        return Hints()
    try:
        hints = Hints.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8") from error
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno}: not JSON ({error.msg}); expected hints") from error
    except ValidationError as error:
        raise UserError(f"{path}: {_first_fault(error)}") from error
    collections = [item for graph in load_graphs(graph_path) for item in graph["collections"]]
    _check_names(path, "collection", hints.collections, [item["name"] for item in collections])
    properties = [f"{item['name']}.{one['name']}" for item in collections for one in item.get("properties", [])]
    _check_names(path, "property", hints.columns, properties)
    return hints


_EXPECTED = {
    "bool": "true or false",
    "string": "a text that is not empty",
    "model": "an object, such as {}",
    "dict": "an object, such as {}",
}


def _first_fault(error: ValidationError) -> str:
    """The first thing wrong, as "key: what was expected"."""
    fault = error.errors()[0]
    place = [str(step) for step in fault["loc"]]
    if fault["type"] == "extra_forbidden":
        known: dict[str, Any] = {"collections": CollectionHint, "columns": ColumnHint}
        model = known[place[0]] if len(place) > 1 else Hints
        return f"{' > '.join(place)}: unknown key; expected one of {', '.join(model.model_fields)}"
    expected = fault.get("ctx", {}).get("expected") or _EXPECTED[fault["type"].partition("_")[0]]
    return f"{' > '.join(place) or 'hints'}: expected {expected}, found {fault['input']!r}"


def _check_names(path: Path, what: str, found: Iterable[str], known: Collection[str]) -> None:
    for name in found:
        if name not in known:
            near = get_close_matches(name, known, n=3, cutoff=0)
            raise UserError(f"{path}: {name}: no such {what} in the graph; expected one such as {', '.join(near)}")
