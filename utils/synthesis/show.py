"""Show what synthesis reads of a database: each property's role and unit, and what keeps questions from being richer.

    python -m utils.synthesis.show broker
    python -m utils.synthesis.show sales --graph sales=graphs/sales.json --database sales=sqlite:////data/sales.sqlite

What is wrong is put right in a file beside the graph, such as graphs/sales.hints.json; see utils/synthesis/hints.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from utils.core.arguments import CommandLine
from utils.core.console import ExitCode, run_script
from utils.core.paths import DEFAULT_WORK_DIR, WorkDir
from utils.databases.arguments import add_database_arguments, entries_from
from utils.databases.catalog import find_entry
from utils.synthesis.model import Collection, Model
from utils.synthesis.reading import read_model

_HEADINGS = ("property", "role", "unit", "values", "nulls", "most frequent")
_EXAMPLES = 3
_WIDEST = 50


def main(argv: list[str] | None = None) -> int:
    """Print one database's model."""
    parser = CommandLine(prog="python -m utils.synthesis.show", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", help="the database: one of ours, or one that --graph and --database name")
    add_database_arguments(parser)
    parser.add_argument("--work-dir", type=Path, default=DEFAULT_WORK_DIR, help="folder of the embedded databases")
    args = parser.parse_args(argv)
    entry = find_entry(entries_from(args, WorkDir(args.work_dir)), args.name)
    print("\n".join(described(read_model(entry))))
    return ExitCode.DONE


def described(model: Model) -> Iterator[str]:
    """The lines of a model: a table for each collection, then the notes."""
    for collection in model.collections.values():
        yield f"{collection.name}: {collection.rows:,} rows, told apart by {', '.join(collection.key)}"
        yield from _aligned([_HEADINGS, *_rows(collection)])
        for link in collection.links.values():
            how = "one" if link.singular else f"{link.fanout:,.1f}"
            yield f"  > {link.name}: {how} of {link.child}{', or none' if link.optional else ''}"
        yield ""
    yield "What keeps questions from being richer:" if model.notes else "Nothing keeps questions from being richer."
    yield from (f"- {note}" for note in model.notes)


def _rows(collection: Collection) -> Iterator[tuple[str, ...]]:
    for column in collection.columns.values():
        examples = ", ".join(map(str, column.values[:_EXAMPLES]))
        short = examples if len(examples) <= _WIDEST else examples[: _WIDEST - 3] + "..."
        nulls = "yes" if column.nulls else ""
        yield column.name, column.role, column.unit, f"{column.distinct:,}", nulls, " ".join(short.split())


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


if __name__ == "__main__":
    sys.exit(run_script(main))
