"""The flags that limit worker processes, and the check of those that set PyDough's session."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from utils.core.arguments import positive_int, positive_number
from utils.databases.catalog import DatabaseEntry
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
