"""A database and a graph without a word in them, only names of a machine's kind."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any


def poor_database(folder: Path) -> tuple[Path, Path]:
    """The database and the graph, written into a folder."""
    connection = sqlite3.connect(folder / "poor.sqlite")
    connection.execute("CREATE TABLE tblXq (xqid INTEGER NOT NULL PRIMARY KEY, zkv REAL NOT NULL, qcd TEXT NOT NULL)")
    connection.executemany(
        "INSERT INTO tblXq VALUES (?, ?, ?)", [(n, n * 1.5, "pq" if n % 3 else "rv") for n in range(60)]
    )
    connection.commit()
    connection.close()

    def column(name: str, kind: str) -> dict[str, Any]:
        return {"name": name, "type": "table column", "column name": name, "data type": kind}

    graph = {
        "name": "POOR",
        "version": "V2",
        "collections": [
            {
                "name": "tblxq",
                "type": "simple table",
                "table path": "main.tblXq",
                "unique properties": ["xqid"],
                "properties": [column("xqid", "numeric"), column("zkv", "numeric"), column("qcd", "string")],
            }
        ],
        "relationships": [],
    }
    (folder / "poor.json").write_text(json.dumps([graph]), encoding="utf-8")
    return folder / "poor.sqlite", folder / "poor.json"
