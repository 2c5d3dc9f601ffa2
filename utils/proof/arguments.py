"""The flags that say how strictly programs are proven, and on what machines."""

from __future__ import annotations

import argparse
from typing import get_args

from utils.core.arguments import whole_number
from utils.databases.data_rules import Choice, DataRules
from utils.programs.arguments import add_sandbox_arguments
from utils.proof.settings import DEFAULT_INSTANCES, REASONS, ProofSettings


def add_proof_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `settings_from`, and those that limit worker processes."""
    add_sandbox_arguments(parser)
    add = parser.add_argument_group("data made for each query").add_argument
    add(
        "--instances",
        type=whole_number,
        default=DEFAULT_INSTANCES,
        metavar="K",
        help="small databases made for each query, on which a program must be right too (0: none; default %(default)s)",
    )
    strictness = parser.add_mutually_exclusive_group()
    strictness.add_argument("--strict", action="store_true", help="refuse every difference on made data (default)")
    strictness.add_argument(
        "--accept",
        nargs="+",
        choices=REASONS,
        default=[],
        metavar="REASON",
        help=f"allow differences on made data for these reasons: {', '.join(REASONS)}",
    )
    for flag, what in (
        ("--childless-parents", "parents without children"),
        ("--null-keys", "references that are null"),
        ("--unmatched-keys", "references without a parent"),
    ):
        text = f"may made data hold {what} (default auto: what graph, keys and the data itself say)"
        add(flag, choices=get_args(Choice), default="auto", help=text)
    add("--no-twin", action="store_true", help="do not run programs on the DuckDB twin of their database")


def settings_from(args: argparse.Namespace, superset: bool = False) -> ProofSettings:
    """What a command's flags ask for."""
    return ProofSettings(
        instances=args.instances,
        accept=frozenset(args.accept),
        rules=DataRules(args.childless_parents, args.null_keys, args.unmatched_keys),
        superset=superset,
        twins=not args.no_twin,
        query_limit_s=min(10.0, args.timeout / 3),
    )
