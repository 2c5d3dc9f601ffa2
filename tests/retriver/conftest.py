"""A small manual, and a stand-in R2R that answers with the client's own response models."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs
from uuid import UUID, uuid4

import httpx
import pytest

WINDOWS = """\
Window functions compare a row with the rows around it.

# Window functions

They need an order.

## RANKING

Gives each record its position. Ties get the same position when `allow_ties` is true.

```python
# 1 is the best
customers.CALCULATE(name, place=RANKING(by=balance.DESC()))
```

## RELSUM

Gives the sum over all records of the window. Divide by it for a share of the total.
"""
COLLECTIONS = """\
# Collection methods

## ORDER_BY

Sorts records. `na_pos` says where missing values go.

## TOP_K

Keeps the best few records. RANKING is another way to do so.

## WHERE

Keeps records for which a condition such as `balance == 0` or `a % 2 == 1` holds.
"""


@pytest.fixture
def manual(tmp_path: Path) -> Path:
    folder = tmp_path / "manual"
    folder.mkdir()
    (folder / "windows.md").write_text(WINDOWS, encoding="utf-8")
    (folder / "collections.md").write_text(COLLECTIONS, encoding="utf-8")
    return folder


class StandInR2R:
    """Documents in memory behind R2R's addresses; search counts common words. No network."""

    def __init__(self) -> None:
        self.documents: dict[UUID, dict] = {}
        self.requests: list[httpx.Request] = []
        self.failures: list[httpx.Response | Exception] = []  # given out first, one a request

    @property
    def writes(self) -> list[str]:
        return [
            request.method for request in self.requests if "/documents" in request.url.path and request.method != "GET"
        ]

    def http_client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, Exception):
                raise failure
            return failure
        route = (request.method, request.url.path.removeprefix("/v3/").split("/")[0])
        handler = {
            ("POST", "retrieval"): self._search,
            ("GET", "documents"): self._list,
            ("POST", "documents"): self._create,
            ("DELETE", "documents"): self._delete,
        }[route]
        return handler(request)

    def _search(self, request: httpx.Request) -> httpx.Response:
        from shared.abstractions.search import AggregateSearchResult, ChunkSearchResult
        from shared.api.models import WrappedSearchResponse

        asked = json.loads(request.content)
        words = set(re.findall(r"\w+", asked["query"].lower()))
        results = []
        corpus = asked["search_settings"].get("filters", {}).get("metadata.corpus", {}).get("$eq")
        for identity, document in self.documents.items():
            if corpus and document["metadata"].get("corpus") != corpus:
                continue
            common = len(words & set(re.findall(r"\w+", document["text"].lower())))
            if common:
                results.append(
                    ChunkSearchResult(
                        id=uuid4(),
                        document_id=identity,
                        owner_id=uuid4(),
                        collection_ids=[],
                        score=float(common),
                        text=_titled(document),
                        metadata=document["metadata"],
                    )
                )
        results.sort(key=lambda result: -result.score)
        found = AggregateSearchResult(chunk_search_results=results[: asked["search_settings"]["limit"]])
        return _json(200, WrappedSearchResponse(results=found).model_dump_json())

    def _list(self, request: httpx.Request) -> httpx.Response:
        from shared.abstractions.document import DocumentResponse
        from shared.api.models import WrappedDocumentsResponse

        offset, limit = int(request.url.params["offset"]), int(request.url.params["limit"])
        rows = [
            DocumentResponse(
                id=identity,
                collection_ids=[],
                owner_id=uuid4(),
                document_type="txt",
                metadata=document["metadata"],
                version="v0",
                size_in_bytes=1,
                ingestion_status=document["status"],
                created_at=datetime(2025, 1, 1),
            )
            for identity, document in self.documents.items()
        ]
        page = WrappedDocumentsResponse(results=rows[offset : offset + limit], total_entries=len(rows))
        return _json(200, page.model_dump_json())

    def _create(self, request: httpx.Request) -> httpx.Response:
        from shared.api.models import IngestionResponse, WrappedIngestionResponse

        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        identity = UUID(form["id"])
        if identity in self.documents and self.documents[identity]["status"] != "failed":
            return _json(409, json.dumps({"detail": {"message": f"Document {identity} was already ingested"}}))
        assert form["run_with_orchestration"] == "False"
        self.documents[identity] = {
            "text": "\n".join(json.loads(form["chunks"])),
            "metadata": json.loads(form["metadata"]) | {"version": "v0"},
            "status": "success",
        }
        done = IngestionResponse(message="Document created and ingested successfully.", document_id=identity)
        return _json(202, WrappedIngestionResponse(results=done).model_dump_json())

    def _delete(self, request: httpx.Request) -> httpx.Response:
        from shared.api.models import GenericBooleanResponse, WrappedBooleanResponse

        self.documents.pop(UUID(request.url.path.rsplit("/", 1)[1]), None)
        return _json(200, WrappedBooleanResponse(results=GenericBooleanResponse(success=True)).model_dump_json())


def _titled(document: dict) -> str:
    """A document's text as the real server gives it back: behind its title."""
    title = document["metadata"].get("title")
    return f"Document Title: {title}\n\nText: {document['text']}" if title else document["text"]


def _json(status: int, body: str) -> httpx.Response:
    return httpx.Response(status, text=body, headers={"Content-Type": "application/json"})


@pytest.fixture
def r2r_stand_in() -> StandInR2R:
    return StandInR2R()
