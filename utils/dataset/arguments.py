"""The flags with which stage 4 chooses, divides and renders rows; those of the split stage 3 must be given, too."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from utils.core.arguments import positive_int, whole_number
from utils.core.console import UserError
from utils.dataset.contract import CHARACTERS_PER_TOKEN
from utils.dataset.execution import Execution
from utils.dataset.facts import TIERS
from utils.dataset.formats import FORMATS
from utils.dataset.release import ReleaseSettings
from utils.dataset.rendering import TARGETS, LineSettings
from utils.dataset.selection import DEFAULT_SYNTHETIC_SHARE, Caps
from utils.dataset.sft import SYSTEM_INSTRUCTION
from utils.dataset.splits import SPLIT_KINDS, SplitRule
from utils.gemini.calibration import characters_per_token
from utils.programs.arguments import difficulty_mix
from utils.programs.difficulty import LEVELS
from utils.proof.arguments import add_proof_arguments, settings_from


def add_split_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --split, --holdout-db, --validation-share, --test-share and --seed."""
    add = parser.add_argument_group("split").add_argument
    add(
        "--split",
        choices=SPLIT_KINDS,
        default="template",
        help="what stays together: programs of one template, whole databases, or questions (default %(default)s)",
    )
    add("--holdout-db", nargs="+", default=[], metavar="NAME", help="--split database: databases to hold out")
    add("--validation-share", type=share, default=0.1, help="expected share of templates (default %(default)s)")
    add("--test-share", type=share, default=0.0, help="the same for a test file (default: none)")
    add("--seed", type=int, default=0, help="of the split and of every choice by lot (default %(default)s)")


def split_rule(args: argparse.Namespace, databases: Iterable[str]) -> SplitRule:
    """The split that the flags describe, `databases` are the known ones. Raises UserError for flags that do not fit."""
    known = {name.lower() for name in databases}
    holdout = tuple(sorted({name.lower() for name in args.holdout_db}))
    if unknown := set(holdout) - known:
        raise UserError(f"--holdout-db {min(unknown)}: unknown database; known: {', '.join(sorted(known))}")
    if (args.split == "database") != bool(holdout):
        raise UserError("--split database and --holdout-db NAME go together; give both or neither")
    if args.validation_share + args.test_share >= 1:
        raise UserError("--validation-share and --test-share: leave something to train on; expected a sum below 1")
    return SplitRule(args.split, args.validation_share, args.test_share, args.seed, holdout)


def add_selection_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what decides which rows enter the set."""
    add = parser.add_argument_group("which rows").add_argument
    add("--include-benchmark", action="store_true", help="train on rows marked is_benchmark, too (default: kept out)")
    add(
        "--tiers", nargs="+", choices=TIERS, default=list(TIERS), help="how rows must be proven (default: any of these)"
    )
    add(
        "--decontaminate",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="evaluation sets (CSV, JSONL): rows like theirs are left out",
    )
    add("--max-per-template", type=whole_number, default=0, metavar="N", help="rows a template (default: all)")
    add("--max-per-database", type=whole_number, default=0, metavar="N", help="rows a database (default: all)")
    add(
        "--difficulty-mix",
        type=difficulty_mix,
        default={},
        metavar="SHARES",
        help=f"shares of levels, such as {'=25,'.join(LEVELS)}=25 (default: as it comes)",
    )
    add(
        "--max-synthetic-share",
        type=share_or_all,
        default=DEFAULT_SYNTHETIC_SHARE,
        metavar="SHARE",
        help="share of rows whose questions nobody asked, where there are others (default %(default)s; 1: any)",
    )
    add(
        "--mix-basicq",
        type=share,
        default=0.0,
        metavar="SHARE",
        help="share of training lines that are answers on the language (default: none, they have files of their own)",
    )


def release_settings(args: argparse.Namespace, databases: Iterable[str]) -> ReleaseSettings:
    """What goes into the set and how it is divided, as the flags say; raises UserError for flags that do not fit."""
    tiers = tuple(tier for tier in TIERS if tier in args.tiers)
    return ReleaseSettings(
        split_rule(args, databases), caps_from(args), args.include_benchmark, tiers, basicq_share=args.mix_basicq
    )


def caps_from(args: argparse.Namespace) -> Caps:
    """The caps that the flags describe."""
    return Caps(args.max_per_template, args.max_per_database, args.difficulty_mix, args.max_synthetic_share)


def add_line_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a training line shows and how its target is written."""
    add = parser.add_argument_group("training lines").add_argument
    add(
        "--target",
        choices=TARGETS,
        default="code",
        help="the model's turn: the program, the program in a code block, or a plan and then the block (default code)",
    )
    add(
        "--schema",
        choices=("markdown", "json", "none"),
        default="markdown",
        help="schema in the user turn (default %(default)s)",
    )
    add("--schema-linked", action="store_true", help="of the schema only what the program uses, and distractors")
    add(
        "--schema-distractors",
        type=whole_number,
        default=0,
        metavar="N",
        help="collections the program does not use: of its own database with --schema-linked, else of others",
    )
    add(
        "--context",
        choices=("none", "docs"),
        default="none",
        help="documentation in the user turn (default %(default)s)",
    )
    add("--system-instruction", type=Path, metavar="FILE", help="text file to use in place of the default instruction")


def add_execution_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --execute, --reprove and the flags of proof."""
    add = parser.add_argument_group("run again").add_argument
    add(
        "--execute",
        type=whole_number,
        default=50,
        metavar="N",
        help="written targets, drawn by lot, that must run and give what their gold SQL gives (default %(default)s)",
    )
    add("--reprove", action="store_true", help="prove every accepted row again, and leave out those that fail")
    add_proof_arguments(parser)


def execution_from(args: argparse.Namespace) -> Execution:
    """What the flags of `add_execution_arguments` ask for."""
    limits = args.workers, args.timeout, args.memory_mb
    return Execution(args.execute, args.reprove, settings_from(args), *limits)


def add_version_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --max-shrink and --keep."""
    add = parser.add_argument_group("versions").add_argument
    add(
        "--max-shrink",
        type=share,
        metavar="SHARE",
        help="publish nothing that lost a larger share of the last version's rows (default: any)",
    )
    add("--keep", type=positive_int, metavar="N", help="keep the N newest versions in the work folder (default: all)")


def add_format_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --format."""
    help_text = "write the set in other forms, too, each in a folder of its own"
    parser.add_argument("--format", nargs="+", choices=FORMATS, default=[], help=help_text)


def line_settings(args: argparse.Namespace, ledger: Path) -> LineSettings:
    """How lines are rendered, as the flags say, and how tokens are estimated, as `ledger` says where there is one.

    Raises UserError where the instruction cannot be read.
    """
    if args.schema == "none" and (args.schema_linked or args.schema_distractors):
        raise UserError("--schema none: shows no schema; leave out --schema-linked and --schema-distractors")
    return LineSettings(
        schema=args.schema,
        with_documentation=args.context == "docs",
        system_instruction=_system_instruction(args.system_instruction),
        target=args.target,
        linked=args.schema_linked,
        distractors=args.schema_distractors,
        seed=args.seed,
        characters_per_token=characters_per_token(ledger) or CHARACTERS_PER_TOKEN,
    )


def share(text: str) -> float:
    """An argparse type: a number from 0 to below 1."""
    if not 0 <= (number := float(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a number from 0 to below 1")
    return number


def share_or_all(text: str) -> float:
    """An argparse type: a number from 0 to 1."""
    return 1.0 if float(text) == 1 else share(text)


def _system_instruction(path: Path | None) -> str:
    if path is None:
        return SYSTEM_INSTRUCTION
    try:
        text = path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8") from error
    if not text:
        raise UserError(f"{path}: is empty; expected the text of the system instruction")
    return text
