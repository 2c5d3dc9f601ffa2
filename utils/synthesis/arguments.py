"""What of stage 3's flags decides which rows synthesis makes."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping

from utils.core.arguments import whole_number
from utils.databases.catalog import DatabaseEntry
from utils.programs.arguments import difficulty_mix
from utils.programs.difficulty import LEVELS
from utils.synthesis.settings import Limits, SynthesisSettings


def add_synthesis_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --difficulty-mix, --max-per-template and --max-per-database."""
    add = parser.add_argument_group("synthesis").add_argument
    add(
        "--difficulty-mix",
        type=difficulty_mix,
        default={},
        metavar="SHARES",
        help=f"shares of levels among rows that are made, such as {'=25,'.join(LEVELS)}=25 (default: as they come)",
    )
    add(
        "--max-per-template",
        type=whole_number,
        default=3,
        metavar="N",
        help="rows made of a template (default 3; 0: any)",
    )
    add("--max-per-database", type=whole_number, default=0, metavar="N", help="of a database (default: any number)")


def synthesis_settings(args: argparse.Namespace) -> SynthesisSettings:
    """How many rows are wanted, from which seed, and how they are mixed."""
    return SynthesisSettings(
        target=args.target_accepted or SynthesisSettings.target,
        seed=args.seed,
        limits=Limits(args.max_per_template, args.difficulty_mix),
        per_database=args.max_per_database,
    )


def chosen_entries(
    args: argparse.Namespace, entries: Mapping[str, DatabaseEntry], named: Collection[str]
) -> list[DatabaseEntry]:
    """The databases that rows are made for: those of --database, else those that the question files name."""
    own = {pair.partition("=")[0].lower() for pair in args.database}
    return [entry for name, entry in entries.items() if name.lower() in (own or named)]
