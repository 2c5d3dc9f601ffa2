"""The one interface behind which the embedded index and R2R stand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from retriver.embedded import SearchMode, open_index
from utils.core.records import Passage
from utils.core.settings import Settings

Backend = Literal["embedded", "r2r"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)


class Retriever(Protocol):
    """Whatever finds passages for a query."""

    def search(self, query: str, limit: int) -> list[Passage]:
        """At most `limit` passages, best first; raises UserError if the backend cannot answer."""
        ...


def open_retriever(
    backend: Backend,
    docs: Path,
    cache: Path,
    settings: Settings,
    search: SearchMode = "keywords",
    r2r_search: Mapping[str, Any] | None = None,
    corpus: str | None = None,
) -> Retriever:
    """A retriever over the Markdown under `docs` (embedded) or over what an R2R server holds (r2r).

    `cache` holds the embedded index, which `search` says how to search. An R2R server answers from what
    `python -m retriver.ingest` sent it; `r2r_search` are its checked search settings, `corpus` what is searched of it.
    """
    if backend == "embedded":
        return open_index(docs, cache, search)
    # Importing the R2R client takes 0.7 s, so only those wait for it who use it
    from retriver.r2r_backend import R2RRetriever

    return R2RRetriever.from_settings(settings, r2r_search, corpus)
