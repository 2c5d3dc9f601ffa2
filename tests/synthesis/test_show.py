"""The command that shows a model."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.databases.graphs import collection
from utils.core.console import UserError
from utils.core.paths import WorkDir
from utils.synthesis.show import main


def test_our_own_database(work: WorkDir, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["broker", "--work-dir", str(work.root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "customers: 269 rows, told apart by _id"
    assert any(line.split()[:4] == ["close", "measure", "price", "27,920"] for line in lines)
    assert "  > transactions_made: 96.8 of transactions, or none" in lines
    assert lines[-3:] == [
        "What keeps questions from being richer:",
        "- customers: no null in country, but the database allows some, so that made data has some, on which more programs differ",
        "- transactions.settlement_date_str: holds days as text, so that it is no date",
    ]


def test_another_database_with_its_hints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(tmp_path / "toys.sqlite") as connection:
        connection.executescript(
            "CREATE TABLE toy (id INTEGER PRIMARY KEY, worth REAL); INSERT INTO toy VALUES (1, 2.5), (2, 7), (3, 7);"
        )
    connection.close()
    toys = collection("toys", "main.toy", "key", {"key": ("id", "numeric"), "worth": ("worth", "numeric")})
    graph = tmp_path / "toys.json"
    graph.write_text(json.dumps([{"name": "TOYS", "version": "V2", "collections": [toys], "relationships": []}]))
    flags = ["toys", "--graph", f"toys={graph}", "--database", f"toys={tmp_path / 'toys.sqlite'}"]

    def worth() -> list[str]:
        assert main(flags) == 0
        return next(line for line in capsys.readouterr().out.splitlines() if line.startswith("  worth")).split()

    assert worth() == ["worth", "measure", "2", "yes", "7.0,", "2.5"]
    (tmp_path / "toys.hints.json").write_text('{"columns": {"toys.worth": {"role": "amount", "unit": "money"}}}')
    assert worth() == ["worth", "amount", "money", "2", "yes", "7.0,", "2.5"]


def test_an_unknown_database_is_told(work: WorkDir) -> None:
    with pytest.raises(UserError, match="unknown database 'toys'; known: "):
        main(["toys", "--work-dir", str(work.root)])
