"""What of stage 3's flags decides which rows synthesis makes."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping

from utils.databases.catalog import DatabaseEntry
from utils.synthesis.rows import SynthesisSettings

DEFAULT_TARGET = 1_000


def synthesis_settings(args: argparse.Namespace) -> SynthesisSettings:
    """How many rows are wanted, and from which seed."""
    return SynthesisSettings(target=args.target_accepted or DEFAULT_TARGET, seed=args.seed)


def chosen_entries(
    args: argparse.Namespace, entries: Mapping[str, DatabaseEntry], named: Collection[str]
) -> list[DatabaseEntry]:
    """The databases that rows are made for: those of --database, else those that the question files name."""
    own = {pair.partition("=")[0].lower() for pair in args.database}
    return [entry for name, entry in entries.items() if name.lower() in (own or named)]
