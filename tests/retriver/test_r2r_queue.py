"""A server that queues what it is sent: ingest ends when everything can be found, or says what cannot."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from retriver.chunks import Chunk, chunk_folder
from retriver.r2r_backend import IngestCounts, R2RRetriever
from retriver.r2r_errors import R2RError


@pytest.fixture
def chunks(manual: Path) -> list[Chunk]:
    return chunk_folder(manual)


@pytest.fixture
def queueing(r2r_stand_in, monkeypatch: pytest.MonkeyPatch):
    """A stand-in whose documents are listed with the next of `stages` each time it is asked; None: not yet listed."""
    monkeypatch.setattr("retriver.r2r_backend.QUEUE_LOOK_S", 0.0)
    monkeypatch.setattr("retriver.r2r_backend.QUEUE_LIMIT_S", 0.2)
    create, listed = r2r_stand_in._create, r2r_stand_in._list
    hidden: dict = {}

    def queue(request: httpx.Request) -> httpx.Response:
        before = set(r2r_stand_in.documents)
        answer = create(request)
        for identity in set(r2r_stand_in.documents) - before:
            r2r_stand_in.documents[identity]["stages"] = list(r2r_stand_in.stages)
            hidden[identity] = r2r_stand_in.documents.pop(identity)
        return answer

    def show(request: httpx.Request) -> httpx.Response:
        for identity, document in [*hidden.items(), *r2r_stand_in.documents.items()]:
            stages = document.get("stages") or []
            if stages:
                stage = stages.pop(0) if len(stages) > 1 else stages[0]
                if stage is not None:
                    document["status"] = stage
                    r2r_stand_in.documents[identity] = document
                    hidden.pop(identity, None)
        return listed(request)

    r2r_stand_in._create, r2r_stand_in._list = queue, show
    return r2r_stand_in


def retriever(stand_in) -> R2RRetriever:
    return R2RRetriever("http://r2r", None, custom_client=stand_in.http_client(), first_wait_s=0)


def test_ingest_waits_until_the_queue_is_drained(queueing, chunks: list[Chunk]) -> None:
    queueing.stages = [None, "pending", "parsing", "embedding", "storing", "success"]
    server = retriever(queueing)
    assert server.ingest(chunks, "manual") == IngestCounts(len(chunks), 0, 0, 0)
    looked = [request for request in queueing.requests if request.method == "GET"]
    assert len(looked) == 1 + 6  # what is there before, and each stage
    assert {document["status"] for document in queueing.documents.values()} == {"success"}
    assert server.ingest(chunks, "manual").unchanged == len(chunks)


def test_ingest_looks_once_where_nothing_is_queued(r2r_stand_in, chunks: list[Chunk]) -> None:
    server = retriever(r2r_stand_in)
    server.ingest(chunks, "manual")
    assert [request.method for request in r2r_stand_in.requests].count("GET") == 2
    r2r_stand_in.requests.clear()
    server.ingest(chunks, "manual")
    assert [request.method for request in r2r_stand_in.requests] == ["GET"]


@pytest.mark.parametrize(("stage", "told"), [("embedding", "embedding"), (None, "queued")])
def test_a_queue_that_is_not_drained_is_told(queueing, chunks: list[Chunk], stage: str | None, told: str) -> None:
    queueing.stages = [stage]
    with pytest.raises(R2RError) as caught:
        retriever(queueing).ingest(chunks, "manual")
    assert str(caught.value) == (
        f"R2R at http://r2r: {len(chunks)} of {len(chunks)} chunks still wait in its queue after 0.2 s, "
        f"the first is '{chunks[0].path}' ({told}); see that its workers run, then run again"
    )


def test_parts_of_one_section_are_counted_one_by_one(queueing) -> None:
    queueing.stages = ["pending"]
    part = Chunk(chunk_id="a", file_name="f.md", path="f.md > A", heading="A", text="one")
    with pytest.raises(R2RError, match="2 of 2 chunks still wait"):
        retriever(queueing).ingest([part, part.model_copy(update={"chunk_id": "b", "text": "two"})], "manual")


def test_failed_ingestion_is_told_and_made_good_by_the_next_run(queueing, chunks: list[Chunk]) -> None:
    queueing.stages = ["pending", "failed"]
    server = retriever(queueing)
    with pytest.raises(R2RError) as caught:
        server.ingest(chunks, "manual")
    assert str(caught.value) == (
        f"R2R at http://r2r: {len(chunks)} of {len(chunks)} chunks were not ingested, the first is "
        f"'{chunks[0].path}'; its log says why; run again to send them again"
    )
    queueing.stages = ["success"]
    assert server.ingest(chunks, "manual").replaced == len(chunks)
    assert server.ingest(chunks, "manual").unchanged == len(chunks)
