"""The flags with which a script chooses what is searched, and how."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from retriver.backend import BACKENDS
from retriver.embedded import SEARCH_MODES, default_mode
from utils.core.console import UserError
from utils.core.paths import KNOWLEDGE_DIR


def add_retrieval_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --docs, --backend and --search."""
    add = parser.add_argument_group("retrieval").add_argument
    add("--docs", type=Path, default=KNOWLEDGE_DIR, help="folder of Markdown files to search (default: our manual)")
    add("--backend", choices=BACKENDS, default="embedded", help="embedded index or an R2R server (default %(default)s)")
    add(
        "--search",
        choices=SEARCH_MODES,
        default=default_mode(),
        help="embedded index: by words, by meaning, or both (default: hybrid after `make semantic`, else keywords)",
    )


def retrieval_state(args: argparse.Namespace) -> dict[str, Any]:
    """What of these flags decides the passages that are found, beside the documents."""
    return {"backend": args.backend, **({"search": args.search} if args.backend == "embedded" else {})}


def documents(docs: Path) -> list[Path]:
    """The Markdown files under `docs`; raises UserError when there is none."""
    found = sorted(docs.rglob("*.md"))
    if not found:
        raise UserError(f"{docs}: no Markdown files to search; name another folder with --docs DIR")
    return found
