"""The flags that all four scripts have, and types of flags."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import NoReturn

from utils.core.console import ExitCode
from utils.core.locks import hold_lock
from utils.core.paths import DEFAULT_WORK_DIR, WorkDir


class CommandLine(argparse.ArgumentParser):
    """A parser that tells wrong usage in one line, like every other error of ours."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and where help is, and exit with 2."""
        self.exit(ExitCode.USAGE, f"error: {message}; see `{self.prog} --help`\n")


def add_run_arguments(parser: argparse.ArgumentParser, questions_help: str) -> None:
    """Add --questions, --work-dir, --min-accepted, --max-failures, --force and --lock."""
    add = parser.add_argument
    add("--questions", type=Path, nargs="+", metavar="FILE", help=questions_help)
    add("--work-dir", type=Path, default=DEFAULT_WORK_DIR, help="folder of all built files (default training_data)")
    add(
        "--min-accepted", type=int, default=1, metavar="N", help="exit 1 with fewer accepted rows (default %(default)s)"
    )
    add("--max-failures", type=int, default=0, metavar="N", help="exit 1 with more failed rows (default %(default)s)")
    add("--force", action="store_true", help="do the work again even when nothing has changed")
    add("--lock", action="store_true", help="leave at once where another run with --lock is at work in this folder")


def work_dir_of(args: argparse.Namespace) -> WorkDir:
    """The work folder of a run, locked where the flags ask for it; raises Interrupted where another run has it."""
    if args.lock:
        hold_lock(args.work_dir)
    return WorkDir(args.work_dir)


def positive_int(text: str) -> int:
    """An argparse type: a whole number of at least 1."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number of at least 1")
    return number


def whole_number(text: str) -> int:
    """An argparse type: a whole number from 0."""
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number from 0")
    return number


def positive_number(text: str) -> float:
    """An argparse type: a number above 0."""
    if not 0 < (number := float(text)) < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: expected a number above 0")
    return number


def not_negative(text: str) -> float:
    """An argparse type: a number from 0."""
    if not 0 <= (number := float(text)) < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: expected a number from 0")
    return number
