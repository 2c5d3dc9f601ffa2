"""Answers that the server writes: what it is asked, what comes back, its citations as our numbers."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriver.chunks import chunk_folder
from retriver.code_blocks import read_markdown
from retriver.gate import grounding_problems
from retriver.local_models import NoModelError, quoted_answer
from retriver.r2r_backend import R2RRetriever
from retriver.r2r_errors import R2RError
from retriver.r2r_rag import RagAnswer, numbered_answer, rag_task_prompt
from utils.core.records import Passage

FIRST, SECOND = "c910e2e5-9fbe-403b-8c11-5aae8ade0001", "b12cd2f7-9fbe-403b-8c11-5aae8ade0002"
PASSAGES = [
    Passage(passage_id=name, path=f"windows.md > {name}", text=f"{name} needs an order.", score=1.0)
    for name in ("RANKING", "RELSUM")
]


def numbered(text: str) -> RagAnswer:
    return numbered_answer(text, PASSAGES, [FIRST, SECOND])


@pytest.fixture
def server(r2r_stand_in, manual: Path):
    """A retriever whose stand-in writes what `r2r_stand_in.writes_answer` says of the results' short ids."""
    from shared.api.models import WrappedRAGResponse, WrappedSearchResponse

    search = r2r_stand_in._search

    def answer(request: httpx.Request) -> httpx.Response:
        found = search(request)
        if request.url.path != "/v3/retrieval/rag":
            return found
        results = WrappedSearchResponse(**found.json()).results
        marks = [str(result.id)[:7] for result in results.chunk_search_results]
        text = r2r_stand_in.writes_answer(marks)
        rag = {"generated_answer": text, "completion": text, "search_results": results.model_dump(), "citations": []}
        body = WrappedRAGResponse(results=rag).model_dump_json()
        return httpx.Response(200, text=body, headers={"Content-Type": "application/json"})

    r2r_stand_in._search = answer
    r2r_stand_in.writes_answer = lambda marks: f"RANKING gives each record its position. [{marks[0]}]"
    retriever = R2RRetriever(
        "http://r2r.example:7272", "pk_x.sk_secret", custom_client=r2r_stand_in.http_client(), first_wait_s=0
    )
    retriever.ingest(chunk_folder(manual), "manual")
    r2r_stand_in.requests.clear()
    return retriever


def test_the_answer_cites_the_passages_by_number(server, r2r_stand_in) -> None:
    r2r_stand_in.writes_answer = lambda marks: f"RELSUM sums. [{marks[1]}]\n\nRANKING ranks. [{marks[0]}, {marks[1]}]"
    answer = server.rag("position of each record, or the sum over all records", 3)
    assert answer.text == "RELSUM sums. [2]\n\nRANKING ranks. [1][2]"
    assert answer.citations == [1, 2]
    assert 2 <= len(answer.passages) <= 3
    assert answer.passages == server.search("position of each record, or the sum over all records", 3)
    assert grounding_problems(answer.text, answer.passages) == []


def test_what_is_sent_fits_the_servers_own_models(server, r2r_stand_in) -> None:
    from r2r import GenerationConfig, SearchSettings

    server.rag("the position of each record", 3, ["RANKING", "by="], model="gemini/gemini-2.5-flash")
    (request,) = r2r_stand_in.requests
    assert (request.url.path, request.headers["x-api-key"]) == ("/v3/retrieval/rag", "pk_x.sk_secret")
    sent = json.loads(request.content)
    assert sent["query"] == "the position of each record"
    assert sent["include_web_search"] is False
    assert set(sent["rag_generation_config"]) <= set(GenerationConfig.model_fields)
    config = GenerationConfig(**sent["rag_generation_config"])
    assert (config.model, config.stream, config.max_tokens_to_sample) == ("gemini/gemini-2.5-flash", False, 4096)
    assert SearchSettings(**sent["search_settings"]).limit == 3
    assert "- `RANKING`\n- `by=`\n" in sent["task_prompt"].format(query="q", context="c")


def test_without_a_model_of_ours_the_server_chooses_its_own(server, r2r_stand_in) -> None:
    server.rag("position", 3)
    assert "model" not in json.loads(r2r_stand_in.requests[0].content)["rag_generation_config"]


def test_nothing_is_asked_for_an_empty_question(server, r2r_stand_in) -> None:
    assert server.rag(" ", 3) == server.rag("x", 0) == RagAnswer("", [], [])
    assert r2r_stand_in.requests == []


@pytest.mark.parametrize(
    ("response", "told", "requests"),
    [
        (httpx.Response(401, json={"detail": {"message": "Invalid"}}), "the API key was refused (401: Invalid)", 1),
        (httpx.Response(403, json={"detail": "no"}), "not allowed (403: no)", 1),
        (httpx.Response(404, json={"detail": "Not Found"}), "not found (404: Not Found)", 1),
        (httpx.Response(409, json={"detail": "twice"}), "a document is there already (409: twice)", 1),
        (httpx.Response(422, json={"detail": [{"loc": ["query"], "msg": "wrong"}]}), "(422: query: wrong)", 1),
        (httpx.Response(429, json={"detail": "slow"}), "too many requests (429: slow)", 3),
        (httpx.Response(502, text="bad gateway"), "the server failed (502: bad gateway)", 3),
        (httpx.Response(200, text="<html>"), "the answer is not that of R2R 3.6", 1),
        (httpx.Response(200, json={"results": {"completion": 3}}), "the answer is not that of R2R 3.6", 1),
        (httpx.ReadTimeout("60 s"), "no answer in time", 3),
        (httpx.ConnectError("refused"), "cannot connect", 3),
    ],
)
def test_what_goes_wrong_is_told_in_one_line(server, r2r_stand_in, response, told: str, requests: int) -> None:
    r2r_stand_in.failures = [response] * 3
    with pytest.raises(R2RError) as caught:
        server.rag("position", 3)
    line = str(caught.value)
    assert line.startswith("R2R at http://r2r.example:7272: ")
    assert told in line
    assert "\n" not in line
    assert "sk_secret" not in line
    assert len(r2r_stand_in.requests) == requests


@pytest.mark.parametrize(
    ("written", "expected", "citations"),
    [
        ("A. [c910e2e] B. [b12cd2f]", "A. [1] B. [2]", [1, 2]),
        ("A. [ b12cd2f ; c910e2e,b12cd2f ]", "A. [2][1]", [1, 2]),
        ("A. [c910e2e5]", "A. [1]", [1]),  # a character more of the id
        ("A. [deadbee]", "A. [0]", [0]),
        ("A. [1]", "A. [0]", [0]),  # the server numbers nothing, so this is made up
        ("A. [b12cd2f, 7]", "A. [2][0]", [0, 2]),
        ("A [link](c910e2e) [c910e2e](x) [boolean] []", "A [link](c910e2e) [c910e2e](x) [boolean] []", []),
        (
            "```python\nrows[1]\n```\nA `rows[1]` [c910e2e]\n\n```\nx[2]",
            "```python\nrows[1]\n```\nA `rows[1]` [1]\n\n```\nx[2]",
            [1],
        ),
        ("  \n", "", []),
    ],
)
def test_marks_become_numbers(written: str, expected: str, citations: list[int]) -> None:
    assert numbered(written) == RagAnswer(expected, PASSAGES, citations)


@pytest.mark.parametrize("written", ["A. [deadbee]", "A. [1]", "A.", ""])
def test_what_rests_on_no_passage_does_not_pass_the_gate(written: str) -> None:
    assert grounding_problems(numbered(written).text, PASSAGES)
    assert grounding_problems(numbered("A. [c910e2e]").text, PASSAGES) == []


def test_the_prompt_survives_the_servers_formatting() -> None:
    prompt = rag_task_prompt(["{weird}", "%"]).format(query="rank {x}", context="Source ID [c910e2e]:\n{y}")
    for part in ("rank {x}", "Source ID [c910e2e]:\n{y}", "- `{weird}`\n- `%`", "State nothing that the search"):
        assert part in prompt
    assert "- whatever the query needs" in rag_task_prompt([])


def test_without_a_model_the_nearest_passages_are_quoted() -> None:
    from shared.abstractions.search import AggregateSearchResult, ChunkSearchResult
    from shared.utils.base_utils import format_search_results_for_llm

    def result(identity: str, text: str) -> ChunkSearchResult:
        return ChunkSearchResult(id=UUID(identity), document_id=UUID(identity), owner_id=None, collection_ids=[], score=1, text=text, metadata={})  # fmt: skip

    def encode(texts):
        """Words in common with the question, which stands first, as a vector."""
        words = sorted({word for text in texts for word in text.lower().split()})
        rows = np.array([[float(word in text.lower().split()) for word in words] for text in texts])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    third = "aaaaaaa1-9fbe-403b-8c11-5aae8ade0003"
    found = AggregateSearchResult(
        chunk_search_results=[
            result(FIRST, "Cheese matures."),
            result(SECOND, "Document Title: windows.md > RANKING\n\nText: rank the customers"),
            result(third, "customers rank high\n\nSource ID of nothing"),
        ]
    )
    context = format_search_results_for_llm(found)
    prompt = rag_task_prompt([]).format(query="rank the customers", context=context)
    answer = quoted_answer(prompt, encode)
    assert answer.startswith("No language model is configured")
    assert answer.index("rank the customers\n\n[b12cd2f]") < answer.index("Source ID of nothing\n\n[aaaaaaa]")
    assert "Cheese" not in answer
    assert "Document Title" not in answer
    assert "State nothing" not in answer  # the last passage ends where the rules begin
    empty = rag_task_prompt([]).format(query="rank", context="")
    assert quoted_answer(empty, encode) == "No language model is configured, and no passages were found."


@pytest.mark.parametrize("prompt", ["Hello", "### Query:\n\nrank\n\n### Response:", ""])
def test_other_prompts_need_a_model(prompt: str) -> None:
    with pytest.raises(NoModelError, match="no language model is configured"):
        quoted_answer(prompt, lambda texts: np.ones((len(texts), 1)))


CODE = "result = parts[3] + dates[1, 2]"


@pytest.mark.parametrize(
    "code",
    [
        f"~~~python\n{CODE}\n~~~",
        f"````\n```\n{CODE}\n````",
        f"    {CODE}",
        f"- a list\n\n  ```python\n  {CODE}\n  ```",
        f"1. ```python\n   {CODE}\n   ```",
        f"> ```\n> {CODE}\n> ```",
        f"``{CODE}``",
        f"`{CODE}\nover two lines`",
        f"<pre>{CODE}</pre>",
        f"```\n{CODE}",
    ],
)
def test_a_bracket_in_code_is_no_citation(code: str) -> None:
    assert numbered(f"A [c910e2e].\n\n{code}") == RagAnswer(f"A [1].\n\n{code}", PASSAGES, [1])
    assert numbered(code) == RagAnswer(code, PASSAGES, [])


@given(st.lists(st.sampled_from([*"`~>- \n1.\ue000", "[1]", "[c910e2e]", "x[3]", "```", "    "]), max_size=60))
def test_what_the_gate_reads_as_code_is_left(parts: list[str]) -> None:
    text = "".join(parts)
    before, after = read_markdown(text), read_markdown(numbered(text).text)
    assert [block.code.strip() for block in before.blocks] == [block.code.strip() for block in after.blocks]
