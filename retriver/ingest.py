"""Make the manual searchable: build the embedded index, or send the manual to an R2R server.

python -m retriver.ingest --backend r2r
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from retriver.arguments import add_retrieval_arguments, corpus
from retriver.chunks import chunk_folder
from retriver.embedded import open_index
from retriver.index import index_file
from utils.core.arguments import CommandLine
from utils.core.console import ExitCode, run_script
from utils.core.paths import DEFAULT_WORK_DIR, WorkDir
from utils.core.settings import load_settings


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = _parser().parse_args(argv)
    name = corpus(arguments)
    if name is None:
        cache = WorkDir(arguments.work_dir).cache
        open_index(arguments.docs, cache, arguments.search).close()
        print(f"{index_file(arguments.docs, cache)}: up to date")
    else:
        _send_to_r2r(arguments.docs, name)
    return ExitCode.DONE


def _send_to_r2r(docs: Path, name: str) -> None:
    # The R2R client takes 0.7 s to import; the embedded index does not need it
    from retriver.r2r_backend import R2RRetriever

    chunks = chunk_folder(docs)
    counts = R2RRetriever.from_settings(load_settings()).ingest(chunks, name)
    print(
        f"R2R: {counts.sent} sent, {counts.replaced} replaced, {counts.unchanged} unchanged, {counts.removed} removed"
    )


def _parser() -> argparse.ArgumentParser:
    parser = CommandLine(prog="python -m retriver.ingest", description=__doc__.split("\n")[0])
    add_retrieval_arguments(parser)
    parser.add_argument(
        "--work-dir", type=Path, default=DEFAULT_WORK_DIR, help="folder of built files (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(run_script(main))
