import json
import sqlite3
import subprocess
import sys

import duckdb
import pytest

from utils.core.console import run_script
from utils.core.fingerprint import file_fingerprint
from utils.core.paths import PROJECT_ROOT, WorkDir
from utils.databases import build
from utils.databases.broker_tables import BROKER_TABLES
from utils.databases.build import RECIPES, build_databases
from utils.databases.tables import sqlite_select
from utils.databases.tpch import TPCH_TABLES

FILES = ["tpch.sqlite", "tpch.duckdb", "broker.sqlite", "broker.duckdb"]
TPCH_ROWS = {  # the standard's sizes at scale 0.01; LINEITEM's comes from the generator
    **{"REGION": 5, "NATION": 25, "PART": 2000, "SUPPLIER": 100, "PARTSUPP": 8000},
    **{"CUSTOMER": 1500, "ORDERS": 15000, "LINEITEM": 60175},
}


def test_all_four_files_and_nothing_else(built):
    assert sorted(path.name for path in built.databases.iterdir()) == sorted([*FILES, "recipes.json"])


@pytest.mark.parametrize(("stem", "tables"), [("tpch", TPCH_TABLES), ("broker", BROKER_TABLES)])
def test_twins_hold_the_same_rows(built, stem, tables):
    with (
        sqlite3.connect(built.databases / f"{stem}.sqlite") as lite,
        duckdb.connect(str(built.databases / f"{stem}.duckdb"), read_only=True) as duck,
    ):
        for table in tables:
            names = ", ".join(column.name for column in table.columns)
            ours = lite.execute(f"SELECT {names} FROM {table.name} ORDER BY {', '.join(table.primary_key)}").fetchall()
            assert ours == duck.execute(sqlite_select(table)).fetchall(), table.name
            assert len(ours) > 0


def test_tpch_has_the_standard_sizes(built):
    with duckdb.connect(str(built.databases / "tpch.duckdb"), read_only=True) as duck:
        found = {name: duck.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in TPCH_ROWS}
    assert found == TPCH_ROWS


def test_duckdb_has_proper_types_and_keys(built):
    with duckdb.connect(str(built.databases / "broker.duckdb"), read_only=True) as duck:
        types = dict(duck.execute("SELECT column_name, data_type FROM duckdb_columns() WHERE NOT internal").fetchall())
        keys = duck.execute(
            "SELECT constraint_type, COUNT(*) FROM duckdb_constraints() WHERE constraint_type LIKE '% KEY' GROUP BY ALL"
        ).fetchall()
    assert types["sbCustJoinDate"] == types["sbDpDate"] == "DATE"
    assert types["sbTxDateTime"] == "TIMESTAMP"
    assert types["sbTxAmount"] == "DECIMAL(10,2)"
    assert types["sbTickerIsActive"] == "BOOLEAN"
    assert dict(keys) == {"PRIMARY KEY": 4, "FOREIGN KEY": 3}


def test_sqlite_stores_dates_as_text_and_decimals_as_floats(built):
    with sqlite3.connect(built.databases / "tpch.sqlite") as lite:
        assert lite.execute(
            "SELECT DISTINCT typeof(l_shipdate), typeof(l_quantity), typeof(l_orderkey) FROM LINEITEM"
        ).fetchall() == [("text", "real", "integer")]
        assert lite.execute("SELECT MIN(o_orderdate), MAX(o_orderdate) FROM ORDERS").fetchone() == (
            "1992-01-01",
            "1998-08-02",
        )
        assert lite.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_second_build_makes_the_same_content(built, tmp_path):
    again = WorkDir(tmp_path)
    build_databases(again)
    for name in ("tpch.sqlite", "broker.sqlite"):
        assert file_fingerprint(again.databases / name) == file_fingerprint(built.databases / name)


def test_only_what_is_missing_or_stale_is_built(built, tmp_path, capsys, monkeypatch):
    work = WorkDir(tmp_path)
    work.databases.mkdir()
    for path in built.databases.iterdir():
        (work.databases / path.name).write_bytes(path.read_bytes())
    argv = ["--work-dir", str(tmp_path)]

    assert build.main(argv) == 0
    assert capsys.readouterr().out.splitlines() == [f"{name}: up to date" for name in FILES]

    (work.databases / "tpch.duckdb").unlink()
    assert [name for name, seconds in build_databases(work).items() if seconds is not None] == ["tpch.duckdb"]

    recipes = work.databases / "recipes.json"
    versions = json.loads(recipes.read_text())
    recipes.write_text(json.dumps(versions | {"broker.sqlite": "built by other sources"}))
    assert [name for name, seconds in build_databases(work).items() if seconds is not None] == ["broker.sqlite"]

    monkeypatch.setattr(duckdb, "__version__", "0.0.0")
    stale = [recipe.file_name for recipe in RECIPES if versions[recipe.file_name] != recipe.version]
    assert stale == FILES


def test_a_broken_recipes_file_only_costs_a_build(built, tmp_path):
    work = WorkDir(tmp_path)
    work.databases.mkdir()
    (work.databases / "recipes.json").write_text("{ half a fi")
    assert all(seconds is not None for seconds in build_databases(work).values())
    assert all(seconds is None for seconds in build_databases(work).values())


def test_a_failed_build_leaves_the_old_file_and_no_rest(built, tmp_path, monkeypatch):
    work = WorkDir(tmp_path)
    work.databases.mkdir()
    old = work.databases / "broker.sqlite"
    old.write_bytes(b"what was there")

    def fails(path):
        path.write_bytes(b"half")
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(build, "RECIPES", (build.Recipe("broker.sqlite", fails, "broker*.py"),))
    with pytest.raises(Exception, match=r"disk is full.*50 MB"):
        build_databases(work)
    assert old.read_bytes() == b"what was there"
    assert list(work.databases.iterdir()) == [old]


def test_two_builds_at_once_do_no_harm(tmp_path):
    command = [sys.executable, "-m", "utils.databases.build", "--work-dir", str(tmp_path), "--force"]
    runs = [subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    assert [run.wait(timeout=120) for run in runs] == [0, 0]
    for run in runs:
        run.stdout.close()
    with sqlite3.connect(tmp_path / "databases" / "broker.sqlite") as lite:
        assert lite.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with duckdb.connect(str(tmp_path / "databases" / "tpch.duckdb"), read_only=True) as duck:
        assert duck.execute("SELECT COUNT(*) FROM LINEITEM").fetchone() == (60175,)
    assert sorted(path.name for path in (tmp_path / "databases").iterdir()) == sorted([*FILES, "recipes.json"])


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("no folder")
    assert run_script(lambda: build.main(["--work-dir", str(tmp_path / "file")])) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert str(tmp_path / "file") in said[0]
