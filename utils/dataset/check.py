"""Check Gemini fine-tuning files line by line, anyone's: format, limits, duplicates, leaks into validation.

    python -m utils.dataset.check train.jsonl --validation validation.jsonl
    python -m utils.dataset.check gs://bucket/train.jsonl https://example.org/train.jsonl --json

Exit code 0: nothing wrong; 1: problems; 2: a file cannot be read.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from utils.core.arguments import CommandLine, positive_number, whole_number
from utils.core.console import ExitCode, UserError, run_script
from utils.dataset.contract import CHARACTERS_PER_TOKEN
from utils.dataset.file_check import CheckResult, CheckSettings, check_file, check_validation, counted
from utils.gemini.calibration import characters_per_token


def build_parser() -> argparse.ArgumentParser:
    """The command line of this module."""
    parser = CommandLine(prog="python -m utils.dataset.check", description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="training files: paths, gs:// or https:// addresses")
    add("--validation", metavar="FILE", help="validation file: its limits, and none of its questions in training")
    add(
        "--characters-per-token",
        type=positive_number,
        metavar="X",
        help=f"to estimate tokens (default: what --ledger says, else {CHARACTERS_PER_TOKEN}, which is cautious)",
    )
    add(
        "--ledger",
        type=Path,
        metavar="FILE",
        help="calls whose tokens the service counted: training_data/ledger.sqlite",
    )
    add("--max-problems", type=whole_number, default=20, metavar="N", help="problems shown a file (default 20)")
    add("--json", action="store_true", help="print one JSON object in place of lines")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Check the files and print what was found."""
    args = build_parser().parse_args(argv)
    settings = CheckSettings(args.characters_per_token or _counted_in(args.ledger), args.max_problems)
    results = [check_file(source, settings) for source in args.files]
    if args.validation:
        validation = check_file(args.validation, settings, validation=True)
        check_validation(validation, results)
        results.append(validation)
    fine = all(result.fine for result in results)
    if args.json:
        verdict = "fine" if fine else "problems"
        print(json.dumps({"verdict": verdict, "files": [result.summary() for result in results]}, indent=2))
    else:
        for result in results:
            _print_result(result)
    return ExitCode.DONE if fine else ExitCode.BELOW_TARGET


def _counted_in(ledger: Path | None) -> float:
    if ledger and not ledger.is_file():
        raise UserError(f"--ledger {ledger}: no such file; stage 3 with --provider gemini writes one")
    return (ledger and characters_per_token(ledger)) or CHARACTERS_PER_TOKEN


def _print_result(result: CheckResult) -> None:
    for problem in result.problems:
        print(problem)
    if (hidden := result.problem_count - len(result.problems)) > 0:
        print(f"{result.name}: and {counted(hidden, 'more problem')} (--max-problems shows more)")
    for warning in result.warnings:
        print(f"{result.name}: warning: {warning}")
    tokens = result.tokens
    verdict = "fine" if result.fine else counted(result.problem_count, "problem")
    print(
        f"{result.name}: {verdict}; {counted(result.lines, 'line')}, {result.bytes:,} bytes, tokens estimated a line: "
        f"median {tokens.median:,}, p95 {tokens.p95:,}, max {tokens.max:,}"
    )


if __name__ == "__main__":
    sys.exit(run_script(main))
