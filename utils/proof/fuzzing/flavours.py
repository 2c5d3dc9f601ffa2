"""What an instance is like: each is made otherwise, because each tells other programs apart."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Flavour:
    """The measures of one instance.

    `rows` a table at most; `hits` is the share of rows that meet a set of the query's conditions, `near` the share that
    miss one; `exact` the chance that a cell takes one of the query's constants or a neighbour; `nulls` the share of
    nulls where they may be; `distinct` values a column (0: as many as there are); `skew` how unevenly children are
    spread (0: dealt in turn, so that groups tie); `childless` the share of parents without children, where there may be
    any; `together` how often a row that meets conditions refers to one that meets its own; `parents` how many have more
    than the one child they must have (0: all).
    """

    rows: int
    hits: float
    near: float
    exact: float
    nulls: float
    distinct: int
    skew: float
    childless: float
    together: float
    parents: int = 0


FLAVOURS = (
    Flavour(160, 0.55, 0.30, 0.55, 0.00, 0, 0.6, 0.15, 0.80),
    Flavour(140, 0.45, 0.35, 0.60, 0.08, 4, 1.0, 0.20, 0.50),
    Flavour(120, 0.75, 0.20, 0.70, 0.04, 1, 0.0, 0.15, 0.90),
    Flavour(200, 0.40, 0.40, 0.80, 0.03, 0, 1.3, 0.25, 0.30, parents=12),
    Flavour(180, 0.80, 0.10, 0.30, 0.00, 3, 0.0, 0.05, 0.60, parents=5),
    Flavour(100, 0.60, 0.25, 0.40, 0.20, 8, 0.8, 0.30, 0.70),
    Flavour(150, 0.50, 0.45, 0.90, 0.10, 6, 0.3, 0.20, 0.90),
    Flavour(160, 0.85, 0.10, 0.50, 0.00, 1, 0.0, 0.10, 0.80, parents=30),
    Flavour(200, 0.70, 0.25, 0.20, 0.02, 2, 0.2, 0.10, 0.80, parents=25),
    Flavour(160, 0.60, 0.30, 0.50, 0.05, 0, 1.6, 0.20, 0.40, parents=3),
    Flavour(120, 0.85, 0.10, 0.10, 0.00, 12, 0.0, 0.00, 0.95),
    Flavour(180, 0.45, 0.45, 0.80, 0.00, 2, 0.0, 0.20, 0.60, parents=8),
)


def flavour(index: int, rng: Random) -> Flavour:
    """The listed ones first, then mixtures."""
    if index < len(FLAVOURS):
        return FLAVOURS[index]
    return Flavour(
        rows=rng.randint(80, 200),
        hits=rng.uniform(0.3, 0.85),
        near=rng.uniform(0.1, 0.4),
        exact=rng.uniform(0.2, 0.9),
        nulls=rng.choice((0.0, 0.02, 0.05, 0.1, 0.2)),
        distinct=rng.choice((0, 0, 1, 1, 2, 3, 5, 8, 12)),
        skew=rng.choice((0.0, 0.0, rng.uniform(0.1, 1.6))),
        childless=rng.uniform(0.0, 0.35),
        together=rng.uniform(0.2, 0.95),
        parents=rng.choice((0, 0, 3, 6, 12, 25)),
    )
