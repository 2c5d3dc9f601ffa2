"""The flags of the split; stages 3 and 4 must be given the same."""

from __future__ import annotations

import argparse


def add_split_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --validation-share and --seed."""
    add = parser.add_argument_group("split").add_argument
    add("--validation-share", type=share, default=0.1, help="expected share of templates (default %(default)s)")
    add("--seed", type=int, default=0, help="of the split (default %(default)s)")


def share(text: str) -> float:
    """An argparse type: a number from 0 to below 1."""
    if not 0 <= (number := float(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a number from 0 to below 1")
    return number
