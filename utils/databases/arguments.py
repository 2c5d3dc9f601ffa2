"""The flags with which every command names databases that are not ours."""

from __future__ import annotations

import argparse

from utils.core.paths import WorkDir
from utils.databases.catalog import DatabaseEntry, built_in_entries, with_overrides


def add_database_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --graph, --database, --twin, --config and --now."""
    add = parser.add_argument_group("databases that are not ours").add_argument
    add(
        "--graph", action="append", default=[], metavar="NAME=PATH", help="metadata graph of database NAME (repeatable)"
    )
    add(
        "--database",
        action="append",
        default=[],
        metavar="NAME=URL",
        help="SQLAlchemy URL of NAME: SQLite, DuckDB or PostgreSQL (repeatable)",
    )
    add(
        "--twin",
        action="append",
        default=[],
        metavar="NAME=URL",
        help="DuckDB database with the same rows as NAME's: programs must agree on both (repeatable)",
    )
    add(
        "--config",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="PyDough session setting, such as start_of_week=MONDAY",
    )
    add("--now", metavar="TIMESTAMP", help="pin the clock, such as '2023-12-15 14:30:00'")


def entries_from(args: argparse.Namespace, work: WorkDir) -> dict[str, DatabaseEntry]:
    """All databases known to a command: ours, and those its flags name; raises UserError on a bad flag."""
    return with_overrides(built_in_entries(work), args.graph, args.database, args.config, args.now, args.twin)
