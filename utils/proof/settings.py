"""How strictly programs are proven."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from utils.databases.data_rules import DataRules

# What a difference on made data comes from: without it, both give the same
Reason = Literal[
    "childless_parents",  # a parent without children, which one side keeps and the other drops
    "unmatched_keys",  # a reference that is null or has no parent
    "null_order",  # where nulls stand in the order
    "null_vs_zero",  # null on one side, 0 on the other
    "nulls",  # a null in a column that is counted, compared or grouped by
    "case",  # letter case
    "boundary",  # a value on the very end of a range
    "tie",  # rows that the order leaves equal
    "shared_names",  # two entities with one name: grouped by name on one side, by key on the other
    "clock",  # another moment as now
    "other",
]
REASONS: tuple[Reason, ...] = get_args(Reason)
DEFAULT_INSTANCES = 30


@dataclass(frozen=True)
class ProofSettings:
    """What a program must pass.

    `instances` made for the query beside the original database; differences for the reasons in `accept` are allowed
    (none: strict); `rules` say what made data may hold; `superset` allows more columns than asked for; `twins` also
    runs the program on the DuckDB twin of its database, where there is one; `counterexamples` reduces the data on which
    a program differs.
    """

    instances: int = DEFAULT_INSTANCES
    accept: frozenset[Reason] = frozenset()
    rules: DataRules = field(default_factory=DataRules)
    superset: bool = False
    twins: bool = True
    counterexamples: bool = True
    query_limit_s: float = 10.0

    def state(self) -> dict[str, Any]:
        """The settings in a fixed order, for a content hash."""
        return asdict(self) | {"accept": sorted(self.accept)}
