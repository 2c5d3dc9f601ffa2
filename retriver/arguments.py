"""The flags with which a script chooses what is searched, and how."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from retriver.backend import BACKENDS, Retriever, open_retriever
from retriver.chunks import markdown_files
from retriver.embedded import SEARCH_MODES, default_mode
from retriver.synonyms import thesaurus_files
from utils.core.console import UserError
from utils.core.fingerprint import fingerprint
from utils.core.paths import KNOWLEDGE_DIR, WorkDir
from utils.core.settings import Settings


def add_retrieval_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --docs, --backend, --search, --search-settings and --corpus."""
    add = parser.add_argument_group("retrieval").add_argument
    add("--docs", type=Path, default=KNOWLEDGE_DIR, help="folder of Markdown files to search (default: our manual)")
    add("--backend", choices=BACKENDS, default="embedded", help="embedded index or an R2R server (default %(default)s)")
    add(
        "--search",
        choices=SEARCH_MODES,
        default=default_mode(),
        help="embedded index: by words, by meaning, or both (default: hybrid after `make semantic`, else keywords)",
    )
    add(
        "--search-settings",
        metavar="FILE_OR_JSON",
        help="R2R: its search settings, such as '{\"use_hybrid_search\": true}' (default: semantic search)",
    )
    add(
        "--corpus",
        type=_name,
        metavar="NAME",
        help="R2R: the name that the server holds the documents under; an ingest replaces them, a search finds only "
        "them (default: the folder's name and a mark of its path)",
    )


def check_retrieval(args: argparse.Namespace, provider: str) -> None:
    """Refuse flags that do not go together with each other or with who writes. Raises UserError."""
    if provider == "r2r" and args.backend != "r2r":
        raise UserError("--provider r2r: R2R writes from what it holds itself; add --backend r2r")
    search_settings(args)
    corpus(args)


def search_settings(args: argparse.Namespace) -> dict[str, Any] | None:
    """R2R's settings that `--search-settings` names, checked; None without the flag. Raises UserError."""
    if args.search_settings is None:
        return None
    if args.backend != "r2r":
        raise UserError("--search-settings: for R2R only; add --backend r2r, or see --search for the embedded index")
    from retriver.r2r_settings import read_search_settings  # loads the R2R client

    settings = read_search_settings(args.search_settings)
    if args.corpus and "filters" in settings:
        raise UserError("--corpus: the 'filters' of --search-settings take its place; leave one of them out")
    return settings


def corpus(args: argparse.Namespace) -> str | None:
    """The name under which an R2R server holds the documents; None for the embedded index. Raises UserError.

    It is one name for our manual everywhere, else one for each path: what a server holds under a name is replaced by
    the next ingest, so folders of the same name must not share one.
    """
    if args.backend != "r2r":
        if args.corpus:
            raise UserError("--corpus: for R2R only; add --backend r2r")
        return None
    folder = args.docs.resolve()
    own = folder.name if folder == KNOWLEDGE_DIR.resolve() else f"{folder.name}-{fingerprint(str(folder))[:8]}"
    return args.corpus or own


def retriever_from(args: argparse.Namespace, settings: Settings) -> Retriever:
    """The retriever that the flags choose, `--work-dir` among them; an embedded index is built where it is stale."""
    cache = WorkDir(args.work_dir).cache
    return open_retriever(args.backend, args.docs, cache, settings, args.search, search_settings(args), corpus(args))


def retrieval_state(args: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    """What of the flags and settings decides the passages that are found, beside the contents of files."""
    if args.backend == "embedded":
        return {"backend": args.backend, "search": args.search}
    from retriver.r2r_backend import server_address  # loads the R2R client

    return {
        "backend": args.backend,
        "search_settings": search_settings(args),
        "corpus": corpus(args),
        "server": server_address(settings),
    }


def retrieval_files(args: argparse.Namespace) -> list[Path]:
    """The files whose contents decide the passages that are found: the documents, and what the search knows of words.

    Raises UserError where there is no such folder.
    """
    documents = markdown_files(args.docs)
    return [*documents, *thesaurus_files()] if args.backend == "embedded" else documents


def _name(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("expected a name")
    return text.strip()
