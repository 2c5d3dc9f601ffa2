"""The flags that limit worker processes, and checks of those about programs."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from utils.core.arguments import not_negative, positive_int, positive_number
from utils.databases.catalog import DatabaseEntry
from utils.programs.difficulty import LEVELS
from utils.programs.sandbox import DEFAULT_LIMIT_S, DEFAULT_MEMORY_MB


def add_sandbox_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --workers, --timeout and --memory-mb."""
    add = parser.add_argument_group("proof").add_argument
    add("--workers", type=positive_int, help="worker processes (default: one a core)")
    add("--timeout", type=positive_number, default=DEFAULT_LIMIT_S, help="wall seconds a program (default %(default)s)")
    add(
        "--memory-mb",
        type=positive_int,
        default=DEFAULT_MEMORY_MB,
        help="memory a worker may take beyond its start (default %(default)s)",
    )


def check_configs(args: argparse.Namespace, entries: Iterable[DatabaseEntry]) -> None:
    """Raise UserError, before any work is done, for a --config that PyDough does not know."""
    if args.config:
        from pydough.configs import PyDoughConfigs  # loads PyDough, which takes a second

        from utils.programs.compile import apply_configs

        for entry in entries:
            apply_configs(PyDoughConfigs(), entry.configs)


def difficulty_mix(text: str) -> dict[str, float]:
    """An argparse type: shares of difficulty levels, such as `easy=20,hard=80`; they are scaled to sum to 1."""
    shares: dict[str, float] = {}
    for part in text.split(","):
        level, _, number = part.strip().partition("=")
        if level not in LEVELS or level in shares:
            raise argparse.ArgumentTypeError(f"{part}: expected LEVEL=SHARE, each of {', '.join(LEVELS)} at most once")
        shares[level] = not_negative(number)
    if not (total := sum(shares.values())):
        raise argparse.ArgumentTypeError(f"{text}: expected a share above 0")
    return {level: number / total for level, number in shares.items()}
