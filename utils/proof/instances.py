"""Small databases made for one query, to tell a right program from a wrong one.

An instance has the schema, keys and links of the original, 80 to 200 rows a table, and values drawn from the
original's, from the query's constants and from what lies beside them. Rows are chosen by the query's own
conditions: such that meet all of them, such that miss exactly one, and others; children refer to parents
unevenly. After Zhong, Yu and Klein, Semantic evaluation for text-to-SQL with distilled test suites (EMNLP 2020), but
made for each query.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from utils.databases.profile import DatabaseProfile
from utils.proof.fuzzing.facts import QueryFacts
from utils.proof.fuzzing.filling import Filler, Rows
from utils.proof.fuzzing.flavours import flavour
from utils.proof.fuzzing.validity import remove_invalid
from utils.proof.fuzzing.wishes import Wishes


@dataclass(frozen=True)
class Instance:
    """A small database: rows by lower-case table name, values in the order of the profile's stored columns.

    `clock` is the moment that "now" means on it; None where the query does not ask. There are `growth` times
    as many rows as usual in tables that the query may count.
    """

    number: int
    tables: dict[str, Rows]
    clock: str | None = None
    growth: int = 1


class InstanceBuilder:
    """Makes instances for a query, or for several together: the same seed and number give the same instance.

    `pin` replaces readings of the clock in SQL by a moment; `clocks` are the moments to choose from.
    """

    def __init__(
        self,
        profile: DatabaseProfile,
        facts: QueryFacts,
        seed: str,
        clocks: Sequence[str | None] = (None,),
        pin: Callable[[str, str | None], str] = lambda sql, _now: sql,
    ) -> None:
        self._profile = profile
        self.wishes = Wishes(profile, facts, pin)
        self._seed = seed
        self._clocks = clocks

    def build(self, number: int, clock: str | None = None, growth: int = 1) -> Instance:
        """Instance `number`, from 0; with another clock than its own, if one is given; `growth` times as many rows."""
        rng = Random(f"{self._seed}:{number}")
        clock = clock or self._clocks[number % len(self._clocks)]
        filler = Filler(self.wishes, flavour(number, rng), rng, clock, growth)
        for name in self.wishes.tables:
            filler.fill(self._profile.tables[name])
        remove_invalid(filler.rows, self._profile, self.wishes.links)
        return Instance(number, {name: filler.rows[name] for name in self.wishes.tables}, clock, growth)
