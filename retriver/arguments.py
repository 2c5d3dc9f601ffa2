"""The flags with which a script chooses what is searched, and how."""

from __future__ import annotations

import argparse
from pathlib import Path

from retriver.backend import BACKENDS
from utils.core.console import UserError
from utils.core.paths import KNOWLEDGE_DIR


def add_retrieval_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --docs and --backend."""
    add = parser.add_argument_group("retrieval").add_argument
    add("--docs", type=Path, default=KNOWLEDGE_DIR, help="folder of Markdown files to search (default: our manual)")
    add("--backend", choices=BACKENDS, default="embedded", help="embedded index or an R2R server (default %(default)s)")


def documents(docs: Path) -> list[Path]:
    """The Markdown files under `docs`; raises UserError when there is none."""
    found = sorted(docs.rglob("*.md"))
    if not found:
        raise UserError(f"{docs}: no Markdown files to search; name another folder with --docs DIR")
    return found
