"""Test a graph's claims against its data: tables, columns, uniqueness, relationships, types, sample values.

    python -m utils.databases.check_graph GRAPH.json [--database URL] [--graph-name NAME]

PyDough believes a graph; a false claim gives wrong answers without an error. One line goes out for
every false claim. Exit status: 0 none, 1 some, 2 wrong usage.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from pydough import parse_json_metadata_from_file

from utils.core.arguments import CommandLine
from utils.core.console import ExitCode, UserError, run_script
from utils.core.paths import DEFAULT_WORK_DIR, WorkDir
from utils.databases.catalog import DatabaseEntry, built_in_entries, database_url
from utils.databases.connect import connect_read_only, dialect_of
from utils.databases.graph_claims import Findings, check_claims
from utils.databases.graph_relations import Graph
from utils.databases.schema_text import load_graph, load_graphs


def load_accepted_graph(path: Path, graph_name: str) -> Graph:
    """Graph `graph_name` of a file; raises UserError where the file cannot be read or PyDough refuses the graph."""
    graph = load_graph(path, graph_name)
    try:
        parse_json_metadata_from_file(str(path), graph["name"])
    except Exception as error:  # PyDough raises many kinds on a malformed graph
        raise UserError(f"{path}: PyDough refuses graph {graph['name']}: {' '.join(str(error).split())}") from error
    return graph


def check_graph(path: Path, graph_name: str, url: str) -> Findings:
    """Test graph `graph_name` of a file against the database at `url`; raises UserError if either cannot be read."""
    graph = load_accepted_graph(path, graph_name)
    with closing(connect_read_only(url)) as connection:
        return check_claims(graph, connection, dialect_of(url))


def _chosen_graph(path: Path, wanted: str | None) -> str:
    names = [graph["name"] for graph in load_graphs(path)]
    if wanted is None and len(names) > 1:
        raise UserError(f"{path}: holds {', '.join(names)}; choose one with --graph-name")
    for name in names:
        if wanted is None or name.lower() == wanted.lower():
            return name
    raise UserError(f"{path}: no graph called {wanted!r}; it holds {', '.join(names)}")


def _own_url(entries: Mapping[str, DatabaseEntry], graph_name: str) -> str:
    for entry in entries.values():
        if entry.graph_name.lower() == graph_name.lower():
            return entry.url
    raise UserError(f"graph {graph_name!r} is none of ours; name its database with --database URL")


def main(argv: list[str] | None = None) -> int:
    """Check one graph and print its false claims."""
    parser = CommandLine(prog="python -m utils.databases.check_graph", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("graph", type=Path, help="PyDough V2 metadata, JSON")
    parser.add_argument("--database", metavar="URL", help="its URL or file (default: our own one of that graph)")
    parser.add_argument("--graph-name", help="which graph of the file (default: its only one)")
    parser.add_argument("--work-dir", type=Path, default=DEFAULT_WORK_DIR, help="folder of our own databases")
    args = parser.parse_args(argv)
    graph_name = _chosen_graph(args.graph, args.graph_name)
    ours = built_in_entries(WorkDir(args.work_dir))
    url = database_url(args.database) if args.database else _own_url(ours, graph_name)
    findings = check_graph(args.graph, graph_name, url)
    for line in [*findings.violations, *findings.unchecked]:
        print(f"{args.graph}: {line}")
    print(
        f"{args.graph}: {graph_name}: {findings.tested} claims tested, {len(findings.violations)} false, "
        f"{len(findings.unchecked)} not tested"
    )
    return ExitCode.BELOW_TARGET if findings.violations else ExitCode.DONE


if __name__ == "__main__":
    sys.exit(run_script(main))
