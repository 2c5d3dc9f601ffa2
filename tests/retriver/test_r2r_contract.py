"""R2R behind our interface, against answers made of the client's own models."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from retriver.backend import open_retriever
from retriver.chunks import Chunk, chunk_folder, chunk_markdown
from retriver.documentation import quoted_passage
from retriver.ingest import main as ingest_main
from retriver.r2r_backend import IngestCounts, R2RRetriever
from retriver.r2r_errors import R2RError
from retriver.r2r_settings import parsed_search_settings
from utils.core.console import UserError
from utils.core.settings import Settings

BASE = "http://r2r.example:7272"


def retriever(stand_in, **options) -> R2RRetriever:
    return R2RRetriever(BASE, "pk_x.sk_secret", custom_client=stand_in.http_client(), first_wait_s=0, **options)


@pytest.fixture
def chunks(manual: Path) -> list[Chunk]:
    return chunk_folder(manual)


def test_search_gives_our_own_passages_back(r2r_stand_in, chunks: list[Chunk]) -> None:
    server = retriever(r2r_stand_in)
    server.ingest(chunks, "manual")
    found = server.search("share of the total", 2)
    (expected,) = (chunk for chunk in chunks if chunk.heading == "RELSUM")
    assert (found[0].passage_id, found[0].path, found[0].text) == (expected.chunk_id, expected.path, expected.text)
    assert found[0].score >= found[1].score > 0
    assert len(found) == 2


def test_search_sends_settings_that_the_servers_model_accepts(r2r_stand_in) -> None:
    from r2r import SearchSettings

    settings = {"use_hybrid_search": True, "hybrid_settings": {"semantic_weight": 2.0}}
    assert retriever(r2r_stand_in, search_settings=settings).search("x", 7) == []
    (request,) = r2r_stand_in.requests
    assert (request.url.path, request.headers["x-api-key"]) == ("/v3/retrieval/search", "pk_x.sk_secret")
    sent = SearchSettings(**json.loads(request.content)["search_settings"])
    assert (sent.limit, sent.use_hybrid_search, sent.hybrid_settings.semantic_weight) == (7, True, 2.0)


def test_the_same_search_is_asked_once_until_the_next_ingest(r2r_stand_in) -> None:
    server = retriever(r2r_stand_in)
    assert server.search("one", 3) == server.search("one", 3) == []
    assert len(r2r_stand_in.requests) == 1
    server.ingest(chunk_markdown("# A\none", "f.md"), "manual")
    found = server.search("one", 3)
    assert len(found) == 1
    found.clear()  # the caller's list is the caller's
    assert len(server.search("one", 3)) == 1


def test_nothing_is_asked_for_an_empty_query(r2r_stand_in) -> None:
    server = retriever(r2r_stand_in)
    assert (server.search(" ", 5), server.search("x", 0), r2r_stand_in.requests) == ([], [], [])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"use_hybrid": True}, "unknown key 'use_hybrid'; known are chunk_settings"),
        ({"hybrid_settings": {"semantic": 1}}, "R2R hybrid_settings: unknown key 'semantic'"),
        ({"limit": 0}, "'limit': Input should be greater than or equal to 1"),
        ({"chunk_settings": {"enabled": "perhaps"}}, "'chunk_settings.enabled'"),
    ],
)
def test_wrong_settings_are_an_error_on_our_side(r2r_stand_in, settings: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        retriever(r2r_stand_in, search_settings=settings)
    assert r2r_stand_in.requests == []


def test_documents_that_others_ingested_are_shown_too(r2r_stand_in) -> None:
    r2r_stand_in.documents[uuid4()] = {"text": "dates differ", "metadata": {"title": "dates.pdf"}, "status": "success"}
    nameless = uuid4()
    r2r_stand_in.documents[nameless] = {"text": "dates", "metadata": {}, "status": "success"}
    found = retriever(r2r_stand_in).search("dates differ", 5)
    assert [(passage.path, passage.text) for passage in found] == [
        ("dates.pdf", "dates differ"),
        (f"document {nameless}", "dates"),
    ]
    assert all(passage.passage_id for passage in found)


def test_a_title_of_others_is_one_heading(r2r_stand_in) -> None:
    r2r_stand_in.documents[uuid4()] = {"text": "x", "metadata": {"title": "a > b.pdf"}, "status": "success"}
    (passage,) = retriever(r2r_stand_in).search("x", 5)
    assert quoted_passage(passage).startswith("## a > b.pdf\n\nx")


def test_a_second_ingest_does_nothing(r2r_stand_in, chunks: list[Chunk]) -> None:
    server = retriever(r2r_stand_in)
    assert server.ingest(chunks, "manual") == IngestCounts(sent=len(chunks), replaced=0, unchanged=0, removed=0)
    held = dict(r2r_stand_in.documents)
    r2r_stand_in.requests.clear()
    assert server.ingest(chunks, "manual") == IngestCounts(sent=0, replaced=0, unchanged=len(chunks), removed=0)
    assert r2r_stand_in.writes == []
    assert r2r_stand_in.documents == held


def test_changed_chunks_are_replaced_and_vanished_ones_removed(r2r_stand_in) -> None:
    server = retriever(r2r_stand_in)
    server.ingest(chunk_markdown("# A\none\n# B\ntwo\n# C\nthree", "f.md"), "manual")
    edited = chunk_markdown("# A\none\n# B\ntwo, edited\n# D\nfour", "f.md")
    assert server.ingest(edited, "manual") == IngestCounts(sent=1, replaced=1, unchanged=1, removed=1)
    assert sorted(document["text"].split("\n\n")[1] for document in r2r_stand_in.documents.values()) == [
        "four",
        "one",
        "two, edited",
    ]


def test_other_documents_and_corpora_are_left_alone(r2r_stand_in) -> None:
    server = retriever(r2r_stand_in)
    foreign = uuid4()
    r2r_stand_in.documents[foreign] = {"text": "foreign", "metadata": {}, "status": "success"}
    server.ingest(chunk_markdown("# A\none", "f.md"), "first")
    server.ingest(chunk_markdown("# A\nanother one", "f.md"), "second")
    assert server.ingest(chunk_markdown("# B\ntwo", "f.md"), "first").removed == 1
    assert foreign in r2r_stand_in.documents
    assert sorted(document["text"] for document in r2r_stand_in.documents.values()) == [
        "f.md > A\n\nanother one",
        "f.md > B\n\ntwo",
        "foreign",
    ]


def test_a_search_is_restricted_to_a_corpus_unless_filters_say_otherwise(r2r_stand_in) -> None:
    retriever(r2r_stand_in).ingest(chunk_markdown("# A\none", "f.md"), "first")
    retriever(r2r_stand_in).ingest(chunk_markdown("# A\nanother one", "f.md"), "second")

    def found(**options) -> set[str]:
        return {passage.text for passage in retriever(r2r_stand_in, **options).search("one", 5)}

    second = parsed_search_settings('{"filters": {"metadata.corpus": {"$eq": "second"}}}')
    assert found(corpus="first") == {"one"}
    assert found(search_settings=second) == found(corpus="first", search_settings=second) == {"another one"}
    everything = parsed_search_settings('{"filters": {}}')
    assert found() == found(corpus="first", search_settings=everything) == {"one", "another one"}


def test_a_corpus_that_is_not_there_is_told(r2r_stand_in) -> None:
    retriever(r2r_stand_in).ingest(chunk_markdown("# A\none", "f.md"), "first")
    assert retriever(r2r_stand_in, corpus="first").search("something else", 5) == []
    with pytest.raises(R2RError, match="holds nothing of the corpus 'second'; send it with") as caught:
        retriever(r2r_stand_in, corpus="second").search("one", 5)
    assert caught.value.fatal


def test_folders_of_the_same_name_do_not_replace_each_other(
    r2r_stand_in, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(R2RRetriever, "from_settings", lambda *_: retriever(r2r_stand_in))

    def send(folder: Path, *flags: str) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "f.md").write_text(f"# {folder.resolve().parent.name}\n\ntext\n", encoding="utf-8")
        assert ingest_main(["--backend", "r2r", "--docs", str(folder), *flags]) == 0
        return capsys.readouterr().out

    one, two = tmp_path / "one/docs", tmp_path / "two/docs"
    assert send(one) == send(two) == "R2R: 1 sent, 0 replaced, 0 unchanged, 0 removed\n"
    assert send(one / "../docs") == "R2R: 0 sent, 0 replaced, 1 unchanged, 0 removed\n"
    assert len(r2r_stand_in.documents) == 2
    assert send(one, "--corpus", "mine") == "R2R: 1 sent, 0 replaced, 0 unchanged, 0 removed\n"
    assert send(two, "--corpus", "mine") == "R2R: 1 sent, 0 replaced, 0 unchanged, 1 removed\n"


@pytest.mark.parametrize("status", ["failed", "pending"])
def test_documents_whose_ingestion_did_not_end_are_sent_again(r2r_stand_in, status: str) -> None:
    server, chunks = retriever(r2r_stand_in), chunk_markdown("# A\none", "f.md")
    server.ingest(chunks, "manual")
    next(iter(r2r_stand_in.documents.values()))["status"] = status
    assert server.ingest(chunks, "manual").replaced == 1
    assert server.ingest(chunks, "manual").unchanged == 1


def test_more_documents_than_fit_on_a_page(r2r_stand_in, chunks: list[Chunk], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retriver.r2r_backend.DOCUMENTS_A_PAGE", 2)
    server = retriever(r2r_stand_in)
    server.ingest(chunks, "manual")
    assert server.ingest(chunks, "manual").unchanged == len(chunks) > 4


def test_an_answer_lost_on_the_way_does_not_leave_a_conflict(r2r_stand_in) -> None:
    server, (chunk,) = retriever(r2r_stand_in), chunk_markdown("# A\none", "f.md")
    create = r2r_stand_in._create

    def create_and_drop(request: httpx.Request) -> httpx.Response:
        create(request)
        r2r_stand_in._create = create
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.")

    r2r_stand_in._create = create_and_drop
    assert server.ingest([chunk], "manual").sent == 1
    assert len(r2r_stand_in.documents) == 1


def test_an_ingest_that_breaks_off_goes_on_where_it_was(r2r_stand_in, chunks: list[Chunk]) -> None:
    server = retriever(r2r_stand_in)
    create, made = r2r_stand_in._create, []

    def create_three(request: httpx.Request) -> httpx.Response:
        made.append(request)
        return (
            create(request)
            if len(made) <= 3
            else httpx.Response(403, json={"detail": {"message": "no more documents"}})
        )

    r2r_stand_in._create = create_three
    with pytest.raises(R2RError, match=r"403: no more documents\); use a key whose user may do this"):
        server.ingest(chunks, "manual")
    r2r_stand_in._create = create
    assert server.ingest(chunks, "manual") == IngestCounts(sent=len(chunks) - 3, replaced=0, unchanged=3, removed=0)


def test_open_retriever_takes_address_and_key_from_the_settings(
    manual: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("R2R_API_KEY", "from-the-environment")  # which the client would take by itself
    settings = Settings(r2r_api_base=f"{BASE}/v3/")
    server = open_retriever("r2r", manual, tmp_path, settings)
    assert isinstance(server, R2RRetriever)
    assert server._client.base_url == BASE
    assert server._client.api_key is None
    assert open_retriever("embedded", manual, tmp_path, settings).search("share", 1)
