"""What a worker keeps open for one database: connections, profile, a host for instances, gold's answers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from utils.databases.catalog import DatabaseEntry
from utils.databases.connect import Dialect, connect_read_only, dialect_of
from utils.databases.data_rules import DataRules
from utils.databases.execute import run_query
from utils.databases.profile import DatabaseProfile, profile_database, timestamp_properties
from utils.databases.schema_text import load_graph
from utils.programs.clock import pin_clock
from utils.proof.answers import Query, Run
from utils.proof.bags import Row
from utils.proof.fuzzing.facts import QueryFacts
from utils.proof.fuzzing.filling import Rows
from utils.proof.hosts import Host, open_host
from utils.proof.instances import InstanceBuilder
from utils.proof.store import InstanceStore, Kept, Packed, instance_key, profile_key, texts_key
from utils.proof.values import canonical_rows

# Moments that "now" stands at on made data beside the pinned one: ends of months and years tell calendar steps apart
_MOMENTS = ("2024-03-31 09:05:07", "2023-07-01 00:00:00", "2025-02-28 23:59:58", "2022-10-16 12:00:00")
_KEPT_GOLDS = 64
_FRUITLESS = 3
_MOST_GROWTH = 3
_KEPT_SETS = 4


@dataclass
class Gold:
    """A gold query and its rows on the original database."""

    query: Query
    rows: list[Row]


class Desk:
    """One database as a worker has it open. `store_file` keeps instances over runs; None keeps none."""

    def __init__(self, entry: DatabaseEntry, rules: DataRules, store_file: str | None) -> None:
        """Raises UserError where the database or its graph cannot be opened."""
        self.entry = entry
        self.dialect: Dialect = dialect_of(entry.url)
        self._rules = rules
        self._graph = load_graph(entry.graph_path, entry.graph_name)
        self._connection = connect_read_only(entry.url)
        self._store = InstanceStore(Path(store_file)) if store_file else None
        self._held: dict[str, Rows] | None = None
        self._golds: OrderedDict[str, Gold] = OrderedDict()
        self._sets: OrderedDict[str, InstanceSet] = OrderedDict()

    @cached_property
    def profile(self) -> DatabaseProfile:
        """The database's profile; made when the first instance is needed."""
        return profile_database(self._connection, self.dialect, self._graph, self._rules)

    @cached_property
    def timestamp_properties(self) -> frozenset[str]:
        """The graph's properties that hold a day with a time."""
        return timestamp_properties(self.profile, self._graph)

    @cached_property
    def host(self) -> Host:
        """Where instances are held."""
        return open_host(self.entry.url, self.profile)

    @cached_property
    def _profile_key(self) -> str:
        return profile_key(self.profile)

    @cached_property
    def _twin(self) -> Any:
        assert self.entry.twin_url is not None
        return connect_read_only(self.entry.twin_url)

    def hold(self, tables: dict[str, Rows]) -> None:
        """Have the host hold an instance's tables, unless it does already."""
        if self._held is not tables:
            self._held = None
            self.host.load(tables)
            self._held = tables

    def on_original(self, limit_s: float) -> Run:
        """Runs SQL on the original database."""
        return lambda sql: canonical_rows(run_query(self._connection, self.dialect, sql, limit_s).rows)

    def on_twin(self, limit_s: float) -> Run:
        """Runs SQL on the DuckDB twin."""
        return lambda sql: canonical_rows(run_query(self._twin, "duckdb", sql, limit_s).rows)

    def on_instance(self, limit_s: float) -> Run:
        """Runs SQL on the instance that the host holds."""
        return lambda sql: self.host.run(sql, limit_s)

    def gold(self, sql: str, limit_s: float) -> Gold:
        """A gold query's rows; raises NotAQueryError or what running it raises."""
        if sql in self._golds:
            self._golds.move_to_end(sql)
            return self._golds[sql]
        query = Query(sql, self.dialect)
        query.check(thoroughly=False)
        self._golds[sql] = Gold(query, self.on_original(limit_s)(query.at(self.entry.now)))
        if len(self._golds) > _KEPT_GOLDS:
            self._golds.popitem(last=False)
        return self._golds[sql]

    def instances(self, gold: Query, candidate: Query, clocks: tuple[str | None, ...]) -> InstanceSet:
        """The instances made for a gold query and a program; programs that ask the same of data share them."""

        def facts() -> QueryFacts:
            return gold.facts(self.profile) | candidate.facts(self.profile)

        texts = texts_key(self._profile_key, gold.sql, candidate.sql, clocks)
        key = self._store.key_of(texts) if self._store else None
        if key is None:
            key = instance_key(self._profile_key, gold.sql, facts(), clocks)
            if self._store:
                self._store.put_key(texts, key)
        if key not in self._sets:
            self._sets[key] = InstanceSet(self, key, facts, clocks)
            if len(self._sets) > _KEPT_SETS:
                self._sets.popitem(last=False)
        return self._sets[key]

    def kept(self, key: str) -> list[Packed]:
        """Instances of earlier runs."""
        return self._store.get(key) if self._store else []

    def keep(self, key: str, made: list[Kept]) -> None:
        """Keep instances for later runs."""
        if self._store and made:
            self._store.put(key, made)

    def clocks(self, gold: Query, candidate: Query, python_clock: bool) -> tuple[str | None, ...]:
        """The moments at which "now" stands on made data; only the pinned one where a program has read it already."""
        if python_clock:
            return (self.entry.now,)
        if not (gold.reads_clock or candidate.reads_clock):
            return (None,)
        return (self.entry.now or _MOMENTS[-1], *_MOMENTS)


class InstanceSet:
    """The instances for one gold query and one program's facts: those kept, then new ones."""

    def __init__(self, desk: Desk, key: str, facts: Callable[[], QueryFacts], clocks: tuple[str | None, ...]) -> None:
        self._desk = desk
        self._key = key
        self._read = facts
        self._clocks = clocks
        self._kept: list[Packed | Kept] = [*desk.kept(key)]
        self._new: list[Kept] = []

    @cached_property
    def facts(self) -> QueryFacts:
        """What the two queries ask of data; not needed where all instances are kept."""
        return self._read()

    @cached_property
    def builder(self) -> InstanceBuilder:
        """Makes the instances; not needed where all are kept."""
        dialect = self._desk.dialect

        def pin(sql: str, now: str | None) -> str:
            return pin_clock(sql, dialect, now)

        return InstanceBuilder(self._desk.profile, self.facts, self._key, self._clocks, pin)

    def get(self, number: int, judged: Callable[..., Kept]) -> Kept:
        """Instance `number` with gold's answer, which `judged` finds for a new one."""
        if number < len(self._kept):
            kept = self._kept[number]
            if isinstance(kept, Packed):
                kept = self._kept[number] = kept.unpacked()
            return kept
        made = judged(self.builder.build(number, growth=self._next_growth()))
        self._kept.append(made)
        self._new.append(made)
        return made

    def _next_growth(self) -> int:
        """More rows once gold has found nothing on several instances, as where it asks for large groups."""
        latest = [one.unpacked() if isinstance(one, Packed) else one for one in self._kept[-_FRUITLESS:]]
        growth = latest[-1][0].growth if latest else 1
        fruitless = all(answer is None and made.growth == growth for made, answer in latest)
        return min(growth * 3, _MOST_GROWTH) if fruitless and len(latest) == _FRUITLESS else growth

    def save(self) -> None:
        """Keep the new ones."""
        self._desk.keep(self._key, self._new)
        self._new = []
