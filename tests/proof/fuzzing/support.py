"""What tests of made data share: facts of a query on a small town."""

from __future__ import annotations

import sqlite3

from tests.databases.test_profile import TABLES, graph
from utils.databases.data_rules import DataRules
from utils.databases.profile import DatabaseProfile, profile_database
from utils.proof.fuzzing.facts import QueryFacts, query_facts
from utils.proof.gold import parse_query


def town(rules: DataRules | None = None, **always: bool | None) -> DatabaseProfile:
    """The profile of a town's cities, people and visits."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(TABLES)
    return profile_database(connection, "sqlite", graph(dict(always)), rules or DataRules())


def facts_of(sql: str, profile: DatabaseProfile | None = None) -> QueryFacts:
    """The facts of a query on the town."""
    return query_facts(parse_query(sql, "sqlite"), profile or town(), "sqlite")
