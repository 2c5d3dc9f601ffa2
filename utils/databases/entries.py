"""What later rooms ask of a database entry: its files, its names, its schema as text."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from utils.databases.catalog import DatabaseEntry
from utils.databases.connect import database_path, is_file
from utils.databases.schema_text import load_graph, schema_json, schema_markdown

SchemaStyle = Literal["markdown", "json", "none"]


def graph_names(entry: DatabaseEntry) -> frozenset[str]:
    """The names of the graph's collections, properties and relationships."""
    return _names(entry.graph_path, entry.graph_name)


def schema_text(entry: DatabaseEntry, style: SchemaStyle = "markdown") -> str:
    """The schema of an entry's graph for a prompt; "" for style "none"."""
    return _text(entry.graph_path, entry.graph_name, style)


def input_files(entries: Mapping[str, DatabaseEntry], used: Collection[str]) -> list[Path]:
    """The graph and database files of the entries named in `used` (lower case); unknown names are left out.

    What a server holds is no file, so its changes are not noticed.
    """
    return [path for name, entry in entries.items() if name.lower() in used for path in files_of(entry)]


def files_of(entry: DatabaseEntry) -> list[Path]:
    """An entry's graph, database and twin, as far as they are files; raises UserError where a database is missing."""
    urls = [url for url in (entry.url, entry.twin_url) if url and is_file(url)]
    return [entry.graph_path, *map(database_path, urls)]


def last_changes(entry: DatabaseEntry) -> tuple[int, ...]:
    """When each of an entry's files was changed, in nanoseconds; raises UserError or OSError where one is missing."""
    return tuple(path.stat().st_mtime_ns for path in files_of(entry))


@cache
def _names(path: Path, graph_name: str) -> frozenset[str]:
    graph = load_graph(path, graph_name)
    named = [*graph["collections"], *graph["relationships"]]
    named += [item for collection in graph["collections"] for item in collection["properties"]]
    return frozenset(item["name"] for item in named)


@cache
def _text(path: Path, graph_name: str, style: SchemaStyle) -> str:
    if style == "none":
        return ""
    graph = load_graph(path, graph_name)
    return schema_markdown(graph) if style == "markdown" else schema_json(graph)
