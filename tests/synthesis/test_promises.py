"""A model promises of nulls, keys and links only what made data keeps, too: else PyDough and gold SQL would part."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

import pytest

from tests.databases.graphs import collection, join
from utils.core.paths import WorkDir
from utils.databases.catalog import DatabaseEntry, built_in_entries, file_url
from utils.databases.data_rules import DataRules
from utils.databases.names import quoted
from utils.proof.answers import Query
from utils.proof.desk import Desk
from utils.proof.fuzzing.filling import stored_columns
from utils.synthesis.model import Collection, Link, Model
from utils.synthesis.reading import read_model

LOOSE = """
CREATE TABLE team (id INTEGER, name TEXT);
CREATE TABLE player (id INTEGER, name TEXT NOT NULL, team_id INTEGER, coach_id INTEGER, badge TEXT UNIQUE, born DATE);
CREATE TABLE coach (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO team VALUES (1, 'Reds'), (2, 'Blues'), (3, 'Greens');
INSERT INTO coach VALUES (1, 'Ada'), (2, 'Bo'), (3, 'Cleo');
INSERT INTO player VALUES
    (1, 'Dov', 1, 1, 'a', '2000-01-01'), (2, 'Ea', 2, 2, 'b', '2001-02-03'), (3, 'Finn', 3, NULL, 'c', '2002-03-04'),
    (4, 'Gus', 1, 1, 'd', '2003-04-05'), (5, 'Hana', 2, 9, NULL, '2004-05-06');
"""


@pytest.fixture(scope="module")
def entries(databases: WorkDir, tmp_path_factory: pytest.TempPathFactory) -> dict[str, DatabaseEntry]:
    """Our databases, and one that declares hardly any key and whose graph says little of its relationships."""
    folder = tmp_path_factory.mktemp("league")
    with sqlite3.connect(folder / "league.sqlite") as connection:
        connection.executescript(LOOSE)
    connection.close()
    named = {"key": ("id", "numeric"), "name": ("name", "string")}
    player = {
        **named,
        "team_key": ("team_id", "numeric"),
        "coach_key": ("coach_id", "numeric"),
        "badge": ("badge", "string"),
        "born": ("born", "datetime"),
    }
    graph = {
        "name": "LEAGUE",
        "version": "V2",
        "collections": [
            collection("teams", "main.team", "key", named),
            collection("players", "main.player", "key", player),
            collection("coaches", "main.coach", "key", named),
        ],
        "relationships": [
            join("players", "teams", "players", {"key": ["team_key"]}, singular=False),
            join("coach", "players", "coaches", {"coach_key": ["key"]}, singular=True),
            join("players", "coaches", "players", {"key": ["coach_key"]}, singular=False, **{"always matches": False}),
        ],
    }
    (folder / "league.json").write_text(json.dumps([graph]))
    url = file_url("sqlite", folder / "league.sqlite")
    return {**built_in_entries(databases), "league": DatabaseEntry("league", folder / "league.json", "LEAGUE", url)}


def test_what_the_loose_database_may_hold(entries: dict[str, DatabaseEntry]) -> None:
    teams, players, coaches = read_model(entries["league"]).collections.values()
    # a graph's key has no nulls, and none has a relationship of which neither the graph nor the data shows one
    assert [column.name for column in players.columns.values() if column.nulls] == ["coach_key", "badge", "born"]
    assert [link.optional for one in (teams, players, coaches) for link in one.links.values()] == [False, True, True]
    assert [column.name for column in players.columns.values() if column.role == "foreign_key"] == [
        "team_key",
        "coach_key",
    ]


@pytest.mark.parametrize("name", ["broker", "tpch", "league"])
def test_made_data_keeps_what_the_model_promises(entries: dict[str, DatabaseEntry], name: str) -> None:
    model = read_model(entries[name])
    desk = Desk(entries[name], DataRules(), None)
    broken, checked = [], 0
    for parent in model.collections.values():
        for link in parent.links.values():
            for tables in made(desk, model, parent, link):
                checked += 1
                broken += broken_promises(model, parent, link, tables)
    assert checked >= 9
    assert sorted(set(broken)) == []


Rows = dict[str, list[dict[str, object]]]  # by collection, each row by property


def made(desk: Desk, model: Model, parent: Collection, link: Link) -> Iterator[Rows]:
    """Made data for a query that joins both ends of a link."""
    child = model.collections[link.child]
    equal = " AND ".join(
        f"p.{quoted(parent.columns[left].column)} = c.{quoted(child.columns[right].column)}"
        for left, right in link.keys
    )
    columns = [f"p.{quoted(one.column)}" for one in parent.columns.values()]
    columns += [f"c.{quoted(one.column)}" for one in child.columns.values()]
    sql = f"SELECT {', '.join(columns)} FROM {parent.table} AS p LEFT JOIN {child.table} AS c ON {equal}"
    gold = Query(sql, desk.dialect)
    builder = desk.instances(gold, gold, desk.clocks(gold, gold, False)).builder
    for instance in map(builder.build, range(3)):
        result: Rows = {}
        for one in (parent, child):
            table = one.table.strip('"').lower()
            order = stored_columns(desk.profile.tables[table])
            at = {prop.name: order.index(prop.column) for prop in one.columns.values()}
            result[one.name] = [{prop: row[at[prop]] for prop in at} for row in instance.tables[table]]
        yield result


def broken_promises(model: Model, parent: Collection, link: Link, rows: Rows) -> Iterator[str]:
    for name, found in rows.items():
        for column in model.collections[name].columns.values():
            values = [row[column.name] for row in found]
            present = [value for value in values if value is not None]
            if not column.nulls and len(present) < len(values):
                yield f"{column!r} is null"
            if column.unique and len(set(present)) < len(present):
                yield f"{column!r} repeats"
    lefts, rights = zip(*link.keys, strict=True)
    known = [tuple(row[key] for key in rights) for row in rows[link.child]]
    for row in rows[parent.name]:
        matches = known.count(tuple(row[key] for key in lefts))
        if not matches and not link.optional:
            yield f"{link!r} leads to none"
        if matches > 1 and link.singular:
            yield f"{link!r} leads to {matches}"
