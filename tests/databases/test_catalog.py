from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from utils.core.console import UserError
from utils.core.paths import GRAPHS_DIR, WorkDir
from utils.databases.catalog import (
    PINNED_NOW,
    SESSION_CONFIGS,
    built_in_entries,
    database_url,
    find_entry,
    with_overrides,
)
from utils.databases.connect import connect_read_only, database_path


@pytest.fixture
def entries(tmp_path):
    return built_in_entries(WorkDir(tmp_path))


def test_built_in_entries(entries, tmp_path):
    assert sorted(entries) == ["broker", "broker_duckdb", "tpch", "tpch_duckdb"]
    for name, entry in entries.items():
        assert entry.name == name
        assert entry.graph_path.is_file()
        assert entry.now == PINNED_NOW == "2023-12-15 14:30:00"
        assert entry.configs == SESSION_CONFIGS == {"start_of_week": "MONDAY", "division_by_zero": "NULL"}
        assert Path(make_url(entry.url).database).parent == tmp_path / "databases"
    assert entries["broker_duckdb"].url == f"duckdb:///{tmp_path}/databases/broker.duckdb"
    assert entries["broker_duckdb"].graph_name == "Broker"


@pytest.mark.parametrize("folder", ["with space", "50% off?", "a#b;c", "straße"])
def test_a_path_with_odd_characters_comes_back_from_its_url(built, tmp_path, folder):
    work = WorkDir(tmp_path / folder)
    work.databases.mkdir(parents=True)
    for engine in ("sqlite", "duckdb"):
        (work.databases / f"broker.{engine}").symlink_to(built.databases / f"broker.{engine}")
    for name in ("broker", "broker_duckdb"):
        url = built_in_entries(work)[name].url
        assert database_path(url).parent == work.databases
        connection = connect_read_only(url)
        assert connection.execute("SELECT COUNT(*) FROM sbTicker").fetchone() == (71,)
        connection.close()


@pytest.mark.parametrize("asked", ["broker", "BROKER", " Broker "])
def test_find_entry_in_any_case(entries, asked):
    assert find_entry(entries, asked) is entries["broker"]


def test_find_entry_lists_what_is_known(entries):
    with pytest.raises(UserError) as raised:
        find_entry(entries, "sales")
    message = str(raised.value)
    assert "'sales'" in message
    assert "broker, broker_duckdb, tpch, tpch_duckdb" in message
    assert "--graph NAME=PATH --database NAME=URL" in message
    assert "\n" not in message


def test_a_database_alone_replaces_the_url_of_ours(entries, tmp_path):
    result = with_overrides(entries, databases=["BROKER=sqlite:////data/mine.sqlite"])
    assert result["broker"].url == "sqlite:////data/mine.sqlite"
    assert result["broker"].graph_name == "Broker"
    assert result["broker"].now == PINNED_NOW
    assert result["tpch"] == entries["tpch"]
    assert entries["broker"].url.endswith("databases/broker.sqlite")  # the argument is left as it was


def test_a_new_database_needs_graph_and_url(entries):
    graph = GRAPHS_DIR / "tpch.json"
    result = with_overrides(entries, [f"mine={graph}"], ["Mine=duckdb:////data/mine.duckdb"])
    assert result["mine"].url == "duckdb:////data/mine.duckdb"
    assert result["mine"].graph_name == "TPCH"  # the only graph of the file
    assert result["mine"].now is None
    assert result["mine"].configs == {}
    with pytest.raises(UserError, match="--database mine"):
        with_overrides(entries, [f"mine={graph}"])
    with pytest.raises(UserError, match="--graph mine=PATH"):
        with_overrides(entries, databases=["mine=x.db"])


def test_a_graph_is_chosen_by_name_in_any_case(entries, tmp_path):
    texts = [(GRAPHS_DIR / name).read_text().strip()[1:-1] for name in ("tpch.json", "broker.json")]
    both = tmp_path / "both.json"
    both.write_text("[" + ",".join(texts) + "]")
    result = with_overrides(entries, [f"broker={both}", f"tpch={both}"])
    assert (result["broker"].graph_name, result["tpch"].graph_name) == ("Broker", "TPCH")
    result = with_overrides(entries, [f"bROKER={both}"])
    assert result["broker"].graph_path == both
    with pytest.raises(UserError, match="TPCH, Broker"):
        with_overrides(entries, [f"sales={both}"], ["sales=sales.db"])


def test_settings_and_clock_hold_for_all(entries):
    result = with_overrides(entries, configs=["start_of_week=SUNDAY", "avg_default_zero = true"], now="2024-02-01")
    for entry in result.values():
        assert entry.now == "2024-02-01 00:00:00"
        assert entry.configs == {"start_of_week": "SUNDAY", "division_by_zero": "NULL", "avg_default_zero": "true"}


def test_a_path_may_hold_an_equals_sign(entries, tmp_path):
    result = with_overrides(entries, databases=[f"broker={tmp_path}/run=3/b.db"])
    assert database_url(f"{tmp_path}/run=3/b.db") == result["broker"].url
    assert make_url(result["broker"].url).database == f"{tmp_path}/run=3/b.db"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data/x.db", "sqlite:///{cwd}/data/x.db"),
        ("x.SQLITE", "sqlite:///{cwd}/x.SQLITE"),
        ("/data/x.sqlite3", "sqlite:////data/x.sqlite3"),
        ("x.duckdb", "duckdb:///{cwd}/x.duckdb"),
        ("sqlite:///data/x.bin", "sqlite:///{cwd}/data/x.bin"),
        ("duckdb:////data/x.bin", "duckdb:////data/x.bin"),
    ],
)
def test_database_url(text, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert database_url(text) == expected.format(cwd=tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        {"graphs": ["broker"]},
        {"graphs": ["=x.json"]},
        {"graphs": ["broker="]},
        {"graphs": ["broker=/no/such/graph.json"]},
        {"databases": ["broker=x.txt"]},
        {"databases": ["broker=mysql://user:secret-word@host/db"]},
        {"databases": ["broker=sqlite://"]},
        {"databases": ["broker=a.db", "Broker=b.db"]},
        {"configs": ["start_of_week"]},
        {"now": "yesterday"},
        {"now": "2024-01-01 00:00:00+01:00"},
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(entries, arguments):
    with pytest.raises(UserError) as raised:
        with_overrides(entries, **arguments)
    message = str(raised.value)
    assert "\n" not in message and len(message) > 20
    assert "secret-word" not in message
