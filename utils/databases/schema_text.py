"""Graph files, and what a prompt shows of a graph: compact Markdown or JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Literal

from utils.core.console import UserError
from utils.databases.graph_relations import Graph, Relationship, relationships_of

SchemaStyle = Literal["markdown", "json", "none"]


def load_graphs(path: Path) -> list[Graph]:
    """All PyDough V2 graphs of a metadata file; raises UserError naming what is wrong with it."""
    if not path.is_file():
        raise UserError(f"{path}: no such graph file; expected PyDough V2 metadata as JSON")
    try:
        graphs = json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8") from error
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno}: not JSON ({error.msg}); expected PyDough V2 graphs") from error
    except RecursionError as error:
        raise UserError(f"{path}: nested too deeply to be read; expected PyDough V2 graphs") from error
    if not isinstance(graphs, list) or not graphs or not all(isinstance(graph, dict) for graph in graphs):
        raise UserError(f"{path}: expected a JSON list of graphs, as PyDough V2 metadata is written")
    for graph in graphs:
        name, version = graph.get("name"), graph.get("version")
        if not isinstance(name, str):
            raise UserError(f"{path}: a graph has no 'name'; every graph of the list needs one")
        if version != "V2":
            raise UserError(f"{path}: graph {name!r} has version {version!r}; PyDough accepts only 'V2'")
        for key in ("collections", "relationships"):
            if not isinstance(graph.get(key), list) or not all(isinstance(item, dict) for item in graph[key]):
                raise UserError(f"{path}: graph {name!r}: '{key}' is not a list of objects, as PyDough expects")
    return graphs


def load_graph(path: Path, name: str) -> Graph:
    """The graph called `name` (any case), else the file's only one; raises UserError."""
    graphs = load_graphs(path)
    for graph in graphs:
        if graph["name"].lower() == name.lower():
            return graph
    if len(graphs) == 1:
        return graphs[0]
    names = ", ".join(graph["name"] for graph in graphs)
    raise UserError(f"{path}: no graph called {name!r}; it holds {names}; name the database like one of them")


def subgraph(graph: Graph, names: Collection[str], added: Iterable[dict[str, Any]] = ()) -> Graph:
    """The graph with only the collections `names` and the relationships between them, and `added` collections alone."""
    resolved = zip(graph["relationships"], relationships_of(graph), strict=True)
    return {
        **graph,
        "collections": [*(item for item in graph["collections"] if item["name"] in names), *added],
        "relationships": [item for item, ends in resolved if {ends.parent, ends.child} <= set(names)],
    }


def collections_reached(graph: Graph, words: Collection[str]) -> frozenset[str]:
    """The collections that a program whose names are `words` can read: those named, and those its links lead to."""
    found = {item["name"] for item in graph["collections"] if item["name"] in words}
    links = [item for item in relationships_of(graph) if item.name in words]
    while reached := {item.child for item in links if item.parent in found} - found:
        found |= reached
    return frozenset(found)


def schema_markdown(graph: Graph) -> str:
    """A graph as compact Markdown: collections, properties, relationships, unique keys."""
    blocks = [f"# {graph['name']}"]
    relationships = relationships_of(graph)
    for collection in graph["collections"]:
        lines = [f"## {collection['name']}"]
        if collection.get("description"):
            lines.append(collection["description"])
        lines.append(f"Unique: {', '.join(_key_text(key) for key in collection.get('unique properties', []))}")
        lines += [_property_line(item) for item in collection.get("properties", [])]
        lines += [_relationship_line(item) for item in relationships if item.parent == collection["name"]]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def schema_json(graph: Graph) -> str:
    """A graph as compact JSON: what the Markdown says, and synonyms."""
    relationships = relationships_of(graph)
    collections = {
        collection["name"]: {
            "description": collection.get("description", ""),
            "synonyms": collection.get("synonyms", []),
            "unique": collection.get("unique properties", []),
            "properties": {item["name"]: _property_facts(item) for item in collection.get("properties", [])},
            "relationships": {
                item.name: {"to": item.child, "many": not item.singular, "description": item.description}
                for item in relationships
                if item.parent == collection["name"]
            },
        }
        for collection in graph["collections"]
    }
    return json.dumps({"graph": graph["name"], "collections": collections}, ensure_ascii=False, separators=(",", ":"))


def _key_text(key: str | list[str]) -> str:
    return key if isinstance(key, str) else f"({', '.join(key)})"


def _property_line(item: dict[str, Any]) -> str:
    description = item.get("description", "")
    samples = item.get("sample values", [])
    # where the description names every value, a list of examples would only repeat it
    words = set(re.findall(r"[\w#-]+", description))
    repeated = all(set(str(value).split()) <= words for value in samples)
    examples = "" if repeated else f" (e.g. {', '.join(json.dumps(value, ensure_ascii=False) for value in samples)})"
    return f"- {item['name']}: {item['data type']}. {description}{examples}"


def _property_facts(item: dict[str, Any]) -> dict[str, Any]:
    facts = {"type": item["data type"], "description": item.get("description", "")}
    optional = {"samples": item.get("sample values"), "synonyms": item.get("synonyms")}
    return facts | {key: value for key, value in optional.items() if value}


def _relationship_line(item: Relationship) -> str:
    return f"- {item.name} -> {'one' if item.singular else 'many'} {item.child}. {item.description}"
