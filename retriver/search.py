"""Search the manual: prints the best passages, one JSON object a line.

python -m retriver.search "rank customers within each nation" -k 5
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from retriver.arguments import add_retrieval_arguments, retriever_from
from utils.core.arguments import CommandLine
from utils.core.console import ExitCode, run_script
from utils.core.jsonl import to_line
from utils.core.paths import DEFAULT_WORK_DIR
from utils.core.settings import load_settings


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = _parser().parse_args(argv)
    retriever = retriever_from(arguments, load_settings())
    for passage in retriever.search(arguments.query, arguments.k):
        shown = {
            "passage_id": passage.passage_id,
            "path": passage.path,
            "score": float(f"{passage.score:.6g}"),
            "text": passage.text,
        }
        sys.stdout.write(to_line(shown))
    return ExitCode.DONE


def _parser() -> argparse.ArgumentParser:
    parser = CommandLine(prog="python -m retriver.search", description=__doc__.split("\n")[0])
    parser.add_argument("query", metavar="QUERY", help="what to look for, in words or operator names")
    parser.add_argument("-k", type=_count, default=5, help="how many passages at most (default: %(default)s)")
    add_retrieval_arguments(parser)
    parser.add_argument(
        "--work-dir", type=Path, default=DEFAULT_WORK_DIR, help="folder of built files (default: %(default)s)"
    )
    return parser


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError(f"{text}: expected a number from 1 to 1000")
    return number


if __name__ == "__main__":
    sys.exit(run_script(main))
