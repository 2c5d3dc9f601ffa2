"""The flags that limit worker processes."""

from __future__ import annotations

import argparse

from utils.programs.sandbox import DEFAULT_LIMIT_S, DEFAULT_MEMORY_MB


def add_sandbox_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --workers, --timeout and --memory-mb."""
    add = parser.add_argument_group("proof").add_argument
    add("--workers", type=int, help="worker processes (default: one a core)")
    add("--timeout", type=float, default=DEFAULT_LIMIT_S, help="wall seconds a program (default %(default)s)")
    add("--memory-mb", type=int, default=DEFAULT_MEMORY_MB, help="memory of a worker (default %(default)s)")
