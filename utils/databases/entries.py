"""What later rooms ask of a database entry: its files, its names, its schema as text."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from utils.core.paths import hints_path
from utils.databases.catalog import DatabaseEntry
from utils.databases.connect import database_path, is_file
from utils.databases.graph_relations import Graph
from utils.databases.schema_text import (
    SchemaStyle,
    collections_reached,
    load_graph,
    schema_json,
    schema_markdown,
    subgraph,
)


def graph_names(entry: DatabaseEntry) -> frozenset[str]:
    """The names of the graph's collections, properties and relationships."""
    return _names(entry.graph_path, entry.graph_name)


def schema_text(entry: DatabaseEntry, style: SchemaStyle = "markdown") -> str:
    """The schema of an entry's graph for a prompt; "" for style "none"."""
    return _text(entry.graph_path, entry.graph_name, style, None, ())


def partial_schema_text(
    entry: DatabaseEntry,
    style: SchemaStyle,
    only: frozenset[str] | None,
    added: tuple[tuple[DatabaseEntry, str], ...] = (),
) -> str:
    """The schema with only some of the graph's collections (None: with all), and collections `added` from others."""
    foreign = tuple((other.graph_path, other.graph_name, name) for other, name in added)
    return _text(entry.graph_path, entry.graph_name, style, only, foreign)


def collection_names(entry: DatabaseEntry) -> list[str]:
    """The names of the graph's collections, in its order."""
    return [item["name"] for item in _graph(entry.graph_path, entry.graph_name)["collections"]]


def used_collections(entry: DatabaseEntry, words: Collection[str]) -> frozenset[str]:
    """The collections that a program whose names are `words` reads."""
    return collections_reached(_graph(entry.graph_path, entry.graph_name), words)


def input_files(entries: Mapping[str, DatabaseEntry], used: Collection[str]) -> list[Path]:
    """The graph and database files of the entries named in `used` (lower case); unknown names are left out.

    What a server holds is no file, so its changes are not noticed.
    """
    return [path for name, entry in entries.items() if name.lower() in used for path in files_of(entry)]


def hint_files(entries: Mapping[str, DatabaseEntry]) -> list[Path]:
    """The files beside the entries' graphs that say how synthesis reads them, as far as there are any."""
    graphs = {entry.graph_path for entry in entries.values()}
    hints = map(hints_path, sorted(graphs))
    return [path for path in hints if path.is_file()]


def files_of(entry: DatabaseEntry) -> list[Path]:
    """An entry's graph, database and twin, as far as they are files; raises UserError where a database is missing."""
    urls = [url for url in (entry.url, entry.twin_url) if url and is_file(url)]
    return [entry.graph_path, *map(database_path, urls)]


def last_changes(entry: DatabaseEntry) -> tuple[int, ...]:
    """When each of an entry's files was changed, in nanoseconds; raises UserError or OSError where one is missing."""
    return tuple(path.stat().st_mtime_ns for path in files_of(entry))


@cache
def _names(path: Path, graph_name: str) -> frozenset[str]:
    graph = _graph(path, graph_name)
    named = [*graph["collections"], *graph["relationships"]]
    named += [item for collection in graph["collections"] for item in collection["properties"]]
    return frozenset(item["name"] for item in named)


@cache
def _graph(path: Path, graph_name: str) -> Graph:
    return load_graph(path, graph_name)


@lru_cache(maxsize=1_000)
def _text(
    path: Path,
    graph_name: str,
    style: SchemaStyle,
    only: frozenset[str] | None,
    added: tuple[tuple[Path, str, str], ...],
) -> str:
    if style == "none":
        return ""
    graph = _graph(path, graph_name)
    if only is not None or added:
        own = {item["name"] for item in graph["collections"]} if only is None else only
        graph = subgraph(graph, own, [_collection(*place) for place in added])
    return schema_markdown(graph) if style == "markdown" else schema_json(graph)


def _collection(path: Path, graph_name: str, name: str) -> dict[str, Any]:
    return next(item for item in _graph(path, graph_name)["collections"] if item["name"] == name)
