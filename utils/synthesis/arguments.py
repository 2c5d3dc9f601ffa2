"""What of stage 3's flags decides which rows synthesis makes."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from utils.core.arguments import whole_number
from utils.core.questions import SYNTHETIC, QuestionFiles
from utils.databases.catalog import DatabaseEntry
from utils.programs.arguments import difficulty_mix
from utils.programs.difficulty import LEVELS
from utils.synthesis.settings import Limits, SynthesisSettings

if TYPE_CHECKING:
    from utils.synthesis.rows import SyntheticRows


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


def made_rows(
    args: argparse.Namespace, entries: Mapping[str, DatabaseEntry], rows: QuestionFiles
) -> SyntheticRows | None:
    """Rows beside those of the question files, where the flags ask for them; what keeps them from being richer is told.

    They are made for the databases of --database, else for those that the question files name.
    """
    if args.provider != SYNTHETIC:
        return None
    from utils.synthesis.rows import SyntheticRows  # loads what other providers need not

    own = {pair.partition("=")[0].lower() for pair in args.database}
    chosen = [entry for name, entry in entries.items() if name.lower() in (own or rows.databases)]
    made = SyntheticRows(chosen, (row.question for row in rows), synthesis_settings(args))
    for note in made.notes:
        print(f"synthesis: {note}")
    return made
