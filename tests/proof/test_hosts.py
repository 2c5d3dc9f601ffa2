"""A host holds one instance at a time, and nothing of those before."""

import sqlite3
from collections.abc import Iterator

import pytest

from tests.proof.fuzzing.support import town
from utils.databases.profile import Value
from utils.proof.fuzzing.filling import Rows, stored_columns
from utils.proof.hosts import Host, open_host

CITIES = "SELECT id, label FROM city ORDER BY id"


@pytest.fixture
def host() -> Iterator[Host]:
    host = open_host("sqlite://", town())
    yield host
    host.close()


def rows_of(table: str, *labels: Value) -> Rows:
    """A row for each label, which stands in its key's place; fillers elsewhere."""
    names = stored_columns(town().tables[table])
    return [
        tuple({"id": number, "label": label}.get(name, f"{name}{number}") for name in names)
        for number, label in enumerate(labels)
    ]


def test_an_instance_takes_the_place_of_the_last(host: Host) -> None:
    host.load({"city": rows_of("city", "a", "b", "c")})
    assert host.run(CITIES, 5) == [(0, "a"), (1, "b"), (2, "c")]
    host.load({"city": rows_of("city", "z", "b")})
    assert host.run(CITIES, 5) == [(0, "z"), (1, "b")]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        host.run("DELETE FROM city", 5)


def test_tables_that_an_instance_lacks_are_not_there(host: Host) -> None:
    host.load({"city": rows_of("city", "a"), "person": []})
    assert host.run("SELECT COUNT(*) FROM person", 5) == [(0,)]
    host.load({"city": rows_of("city", "b")})
    assert host.run(CITIES, 5) == [(0, "b")]
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        host.run("SELECT COUNT(*) FROM person", 5)


def test_an_instance_that_cannot_be_held_leaves_nothing_behind(host: Host) -> None:
    host.load({"city": rows_of("city", "a")})
    with pytest.raises(OverflowError):
        host.load({"city": rows_of("city", "b", 2**70)})
    host.load({"city": rows_of("city", "c")})
    assert host.run(CITIES, 5) == [(0, "c")]
