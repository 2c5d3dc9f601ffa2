"""R2R behind the retriever's interface: search on a server, and sending our chunks to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx
from r2r import R2RClient, R2RException
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from retriver.chunks import Chunk, path_of, without_asked
from retriver.r2r_errors import R2RError, explain, not_drained, not_held, not_ingested, not_r2r
from retriver.r2r_rag import RagAnswer, numbered_answer, rag_task_prompt
from retriver.r2r_settings import DEFAULT_SEARCH_SETTINGS, checked_search_settings
from utils.core.console import UserError, remember_secret, with_progress
from utils.core.fingerprint import fingerprint
from utils.core.records import Passage
from utils.core.settings import Settings

DEFAULT_BASE = "http://localhost:7272"
TIMEOUT_S = 60.0
ATTEMPTS = 3
DOCUMENTS_A_PAGE = 1000
SEARCHES_KEPT = 4096
QUEUE_LIMIT_S = 600.0  # how long chunks may wait in a server's queue after the last one was sent
QUEUE_LOOK_S = 1.0
ANSWER_TOKENS = 4096
ANSWER_TEMPERATURE = 0.2

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class IngestCounts:
    """What one ingest did, in chunks."""

    sent: int
    replaced: int
    unchanged: int
    removed: int


class R2RRetriever:
    """An R2R server. Requests that fail for passing reasons are made up to ATTEMPTS times."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        search_settings: Mapping[str, Any] | None = None,
        corpus: str | None = None,
        custom_client: httpx.Client | None = None,
        first_wait_s: float = 0.5,
    ) -> None:
        """Check settings and address; nothing is sent yet.

        Only documents of `corpus` are found, unless it is None or the settings have filters of their own.
        `custom_client` replaces the HTTP client.
        """
        remember_secret(api_key)
        wanted = DEFAULT_SEARCH_SETTINGS if search_settings is None else search_settings
        self._searched_corpus = None if "filters" in wanted else corpus
        only = {"filters": {"metadata.corpus": {"$eq": corpus}}} if self._searched_corpus else {}
        self._search_settings = checked_search_settings({**wanted, **only})
        root = _root(base_url)
        self._server = f"R2R at {_without_credentials(root)}"
        self._has_key = bool(api_key)
        self._client = R2RClient(base_url=root, timeout=TIMEOUT_S, custom_client=custom_client)
        # The client reads the environment by itself; what we were given is what counts
        self._client.unset_api_key()
        if api_key:
            self._client.set_api_key(_sendable(api_key))
        self._retrying = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(multiplier=first_wait_s, max=8),
            retry=retry_if_exception(lambda error: isinstance(error, R2RError) and error.retryable),
            reraise=True,
        )
        # Programs share their operators, and a server that checks keys takes 0.4 s for each search
        self._found = lru_cache(maxsize=SEARCHES_KEPT)(self._search)

    @classmethod
    def from_settings(
        cls, settings: Settings, search_settings: Mapping[str, Any] | None = None, corpus: str | None = None
    ) -> R2RRetriever:
        """The server that R2R_API_BASE names (else one on this machine), with R2R_API_KEY if set."""
        key = settings.r2r_api_key.get_secret_value() if settings.r2r_api_key else None
        return cls(_base(settings), key, search_settings, corpus)

    def search(self, query: str, limit: int) -> list[Passage]:
        """At most `limit` passages, best first; raises R2RError if the server does not answer."""
        if not query.strip() or limit < 1:
            return []
        return list(self._found(query, limit))

    def _search(self, query: str, limit: int) -> list[Passage]:
        settings = checked_search_settings({**self._search_settings, "limit": limit})
        found = self._call(lambda: self._client.retrieval.search(query, search_settings=settings))
        passages = [_passage(result) for result in (found.results.chunk_search_results or [])[:limit]]
        if not passages and self._searched_corpus and not any(self._listed(self._searched_corpus)):
            raise not_held(self._server, self._searched_corpus)
        return passages

    def rag(self, question: str, limit: int, terms: Sequence[str] = (), model: str | None = None) -> RagAnswer:
        """What the server's model answers from at most `limit` passages, explaining `terms` as far as they do.

        `model` is one in litellm's words, by default the server's own. The text may cite or name what no passage
        has: `grounding_problems(answer.text, answer.passages)` finds out. Raises R2RError if there is no answer.
        """
        if not question.strip() or limit < 1:
            return RagAnswer("", [], [])
        settings = checked_search_settings({**self._search_settings, "limit": limit})
        generation: dict[str, Any] = {
            "stream": False,
            "temperature": ANSWER_TEMPERATURE,
            "max_tokens_to_sample": ANSWER_TOKENS,
        }
        if model:
            generation["model"] = model
        answer = self._call(
            lambda: self._client.retrieval.rag(
                query=question,
                rag_generation_config=generation,
                search_settings=settings,
                task_prompt=rag_task_prompt(terms),
            )
        ).results
        found = (answer.search_results.chunk_search_results or [])[:limit]
        passages = [_passage(result) for result in found]
        return numbered_answer(without_asked(answer.generated_answer), passages, [str(result.id) for result in found])

    def ingest(self, chunks: Iterable[Chunk], corpus: str) -> IngestCounts:
        """Make the server hold exactly `chunks` under the name `corpus`; what is there unchanged is left alone.

        Each chunk is a document of its own, so that one edited section is one replaced document. Stopped
        half-way, it goes on where it was when run again. Returns when everything can be found: a server may have
        queued what it was sent. Raises R2RError if the server fails, or has not worked its queue off in time.
        """
        self._found.cache_clear()
        wanted = {_document_id(chunk, corpus): chunk for chunk in chunks}
        present = self._documents_of(corpus)
        stale = [document for document in present if document not in wanted]
        to_send = [document for document, chunk in wanted.items() if present.get(document) != _content_hash(chunk)]
        for document in with_progress(to_send, "sending chunks to R2R", total=len(to_send)):
            if document in present:
                self._delete(document)
            self._create(document, wanted[document], corpus)
        for document in stale:
            self._delete(document)
        self._await_ingestion({document: wanted[document].path for document in to_send}, corpus)
        replaced = sum(document in present for document in to_send)
        return IngestCounts(len(to_send) - replaced, replaced, len(wanted) - len(to_send), len(stale))

    def _await_ingestion(self, sent: Mapping[UUID, str], corpus: str) -> None:
        """Wait until the documents of `sent`, given with their headings, can all be found."""
        give_up = time.monotonic() + QUEUE_LIMIT_S
        while sent:
            statuses = {identity: status for identity, _, status in self._listed(corpus)}
            # One that the server has not begun with is in its queue only, not in its list
            states = [(path, statuses.get(identity, "queued")) for identity, path in sent.items()]
            waiting = [(path, status) for path, status in states if status != "success"]
            if failed := [path for path, status in waiting if status == "failed"]:
                raise not_ingested(self._server, failed, len(sent))
            if not waiting:
                return
            if time.monotonic() >= give_up:
                raise not_drained(self._server, waiting, len(sent), QUEUE_LIMIT_S)
            time.sleep(QUEUE_LOOK_S)

    def _documents_of(self, corpus: str) -> dict[UUID, str | None]:
        """The documents of `corpus` with their content hash; None for one whose ingestion is not complete."""
        return {
            identity: content_hash if status == "success" else None
            for identity, content_hash, status in self._listed(corpus)
        }

    def _listed(self, corpus: str) -> Iterator[tuple[UUID, str | None, str]]:
        """Id, content hash and ingestion status of each document of `corpus`."""
        offset = 0
        while True:
            page = self._call(
                partial(self._client.documents.list, offset=offset, limit=DOCUMENTS_A_PAGE, owner_only=True)
            )
            for document in page.results:
                if document.metadata.get("corpus") == corpus:
                    yield document.id, document.metadata.get("content_hash"), document.ingestion_status.value
            offset += len(page.results)
            if not page.results or offset >= page.total_entries:
                return

    def _create(self, document: UUID, chunk: Chunk, corpus: str) -> None:
        metadata = {
            "title": chunk.path,
            "path": chunk.path,
            "chunk_id": chunk.chunk_id,
            "content_hash": _content_hash(chunk),
            "corpus": corpus,
        }

        def create() -> Any:
            # Without orchestration a server usually answers when the chunk can be found, not when it is queued
            return self._client.documents.create(
                id=document, chunks=[_sent_text(chunk)], metadata=metadata, run_with_orchestration=False
            )

        try:
            self._call(create)
        except R2RError as error:
            if not _is_conflict(error):
                raise
            # An attempt whose answer was lost had arrived, or another run is sending the same chunk
            self._delete(document)
            self._call(create)

    def _delete(self, document: UUID) -> None:
        self._call(lambda: self._client.documents.delete(document))

    def _call(self, request: Callable[[], Answer]) -> Answer:
        return self._retrying(self._call_once, request)

    def _call_once(self, request: Callable[[], Answer]) -> Answer:
        try:
            return request()
        except R2RException as error:
            raise explain(error, self._server, self._has_key) from error
        except (TypeError, ValueError) as error:  # no JSON, or JSON of another shape
            raise not_r2r(self._server) from error


def server_address(settings: Settings) -> str:
    """Where the server is that `settings` name, without what lets one in; raises UserError if that is no address."""
    return _without_credentials(_root(_base(settings)))


def _base(settings: Settings) -> str:
    return settings.r2r_api_base or DEFAULT_BASE


def _is_conflict(error: R2RError) -> bool:
    return isinstance(error.__cause__, R2RException) and error.__cause__.status_code == 409


def _document_id(chunk: Chunk, corpus: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"{corpus}/{chunk.chunk_id}")


def _content_hash(chunk: Chunk) -> str:
    return fingerprint(chunk.path, chunk.text)


def _sent_text(chunk: Chunk) -> str:
    """A chunk as R2R embeds it: with its headings in front, which search measurably profits from."""
    return _front(chunk.path) + chunk.text


def _front(path: str) -> str:
    return f"{path}\n\n"


def _passage(result: Any) -> Passage:
    """A search result as a passage; one that we did not ingest keeps its title and R2R's id."""
    metadata = result.metadata
    title = metadata.get("title")
    # The server itself puts a document's title in front of what it found
    text = result.text.removeprefix(f"Document Title: {title}\n\nText: ")
    path = metadata.get("path") or path_of([title or f"document {result.document_id}"])
    return Passage(
        passage_id=metadata.get("chunk_id") or str(result.id),
        path=path,
        text=without_asked(text.removeprefix(_front(path))),
        score=result.score or 0.0,
    )


def _root(base_url: str) -> str:
    root = base_url.strip().rstrip("/").removesuffix("/v3")
    try:
        parts = urlsplit(root)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise UserError(f"R2R_API_BASE: not a web address; expected something like {DEFAULT_BASE}")
    return root


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _sendable(api_key: str) -> str:
    if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        raise UserError("R2R_API_KEY: holds blanks or characters that no HTTP header can carry; copy the key again")
    return api_key
