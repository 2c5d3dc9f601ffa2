"""A database as synthesis sees it: collections, their columns with roles and values, and the links between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

Value = int | float | str | bool
Kind = Literal["text", "number", "date", "flag"]
Role = Literal[
    "identifier",  # tells rows apart: a key, a number of its own
    "foreign_key",  # refers to a row of another collection
    "amount",  # a number that may be summed: money, quantities
    "measure",  # a number that may be averaged and compared, but whose sum means nothing: prices, rates, sizes
    "category",  # one of a few values that rows are grouped and filtered by
    "name",  # what people call the row
    "date",  # a day or a moment
    "flag",  # yes or no
    "code",  # an internal mark that means nothing to a reader
    "text",  # free text, addresses, telephone numbers
]
ROLES: tuple[Role, ...] = get_args(Role)
NUMBERS: tuple[Role, ...] = ("amount", "measure")


@dataclass(frozen=True, eq=False)
class Column:
    """A property of a collection with what its data shows.

    `values` are distinct values, the most frequent first (dates as ISO text), `quantiles` the 10th, 25th, 50th, 75th
    and 90th percentile of a number; of a large table both are a sample's. `unique`: a key that graph or database keeps,
    in made data, too. `time` says that a date has a time of day. `unit` is what numbers that may be compared share,
    such as "money" (see units.py); "" where it is not known.
    """

    collection: str
    name: str
    column: str
    kind: Kind
    role: Role
    description: str = ""
    synonyms: tuple[str, ...] = ()
    nulls: bool = False  # the data holds some, or the database lets it
    full: bool = False  # the data holds none, whatever the database lets it
    unique: bool = False
    distinct: int = 0
    values: tuple[Value, ...] = ()
    low: Value | None = None
    high: Value | None = None
    quantiles: tuple[float, ...] = ()
    whole: bool = False  # numbers without decimals
    time: bool = False
    unit: str = ""

    def __repr__(self) -> str:
        return f"{self.collection}.{self.name}"

    @property
    def lacks(self) -> bool:
        """Whether the data itself holds nulls, so that people speak of them."""
        return self.nulls and not self.full


@dataclass(frozen=True, eq=False)
class Link:
    """A relationship from rows of `parent` to rows of `child`; `keys` are pairs of property names that are equal.

    `singular` where it leads to one row at most; `optional` where it may lead to none, `full` where in the data it
    never does; `fanout` is how many rows it leads to on average.
    """

    parent: str
    name: str
    child: str
    keys: tuple[tuple[str, str], ...]
    singular: bool
    optional: bool
    full: bool = False
    fanout: float = 1.0
    description: str = ""
    synonyms: tuple[str, ...] = ()

    @property
    def lacks(self) -> bool:
        """Whether in the data itself it leads to none from some rows, so that people speak of these."""
        return self.optional and not self.full

    def __repr__(self) -> str:
        return f"{self.parent}>{self.name}"


@dataclass(frozen=True, eq=False)
class Collection:
    """A collection: its table (as SQL names it), its key (property names), columns and links by name."""

    name: str
    table: str
    key: tuple[str, ...]
    rows: int
    description: str = ""
    synonyms: tuple[str, ...] = ()
    columns: dict[str, Column] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.name

    def of_role(self, *roles: Role) -> list[Column]:
        """Its columns of these roles, in the graph's order."""
        return [column for column in self.columns.values() if column.role in roles]

    @property
    def label(self) -> Column | None:
        """The column by which people call a row."""
        names = self.of_role("name")
        return min(names, key=lambda column: (not column.unique, column.nulls)) if names else None

    @property
    def plural_links(self) -> list[Link]:
        """The links that lead to many rows."""
        return [link for link in self.links.values() if not link.singular]

    @property
    def singular_links(self) -> list[Link]:
        """The links that lead to one row at most."""
        return [link for link in self.links.values() if link.singular]


@dataclass(frozen=True, eq=False)
class Model:
    """A graph with its data: `graph` is its name, `notes` say what in it keeps questions from being richer."""

    graph: str
    collections: dict[str, Collection]
    notes: tuple[str, ...] = ()

    def end(self, source: Collection, path: tuple[Link, ...]) -> Collection:
        """The collection that a path leads to from `source`."""
        return self.collections[path[-1].child] if path else source
