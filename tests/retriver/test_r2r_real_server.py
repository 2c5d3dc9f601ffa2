"""Against a real R2R server that setup_r2r.sh starts: `make test-r2r`."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from retriver.chunks import Chunk, chunk_folder, chunk_markdown, without_asked
from retriver.gate import grounding_problems
from retriver.r2r_backend import IngestCounts, R2RRetriever
from retriver.r2r_errors import R2RError
from retriver.r2r_settings import parsed_search_settings
from tests.r2r_server import RunningServer, running_server, setup_r2r, why_not
from tests.retriver.support import run_module
from utils.core.paths import KNOWLEDGE_DIR

pytestmark = [pytest.mark.r2r, pytest.mark.skipif(why_not() is not None, reason=why_not() or "")]


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server() as running:
        yield running


@pytest.fixture(scope="module")
def chunks() -> list[Chunk]:
    """Two pages of our manual: enough for search to have a choice."""
    pages = ("03-aggregations.md", "04-windows.md")
    return [chunk for chunk in chunk_folder(KNOWLEDGE_DIR) if chunk.file_name in pages]


@pytest.fixture(scope="module")
def retriever(server: RunningServer, chunks: list[Chunk]) -> R2RRetriever:
    """A retriever of the corpus `chunks`, whose server also holds another one."""
    other = chunk_markdown("# Sorting\n\nGive each row its position in a sorted order.", "sorting.md")
    assert R2RRetriever(server.base_url, server.api_key).ingest(other, "other").sent == 1
    filled = R2RRetriever(server.base_url, server.api_key, corpus="manual")
    assert filled.ingest(chunks, "manual") == IngestCounts(len(chunks), 0, 0, 0)
    return filled


def secrets_of(server: RunningServer) -> list[str]:
    lines = (server.home / "secrets").read_text("utf-8").split()
    found = [line.partition("=")[2] for line in lines] + [server.api_key or ""]
    assert len(found) == 4
    assert all(len(secret) > 30 for secret in found)
    return found


def test_search_finds_the_section_by_its_meaning(retriever: R2RRetriever, chunks: list[Chunk]) -> None:
    found = retriever.search("give each row its position in a sorted order", 5)
    assert len(found) == 5
    ours = {chunk.chunk_id: chunk for chunk in chunks}
    for passage in found:
        chunk = ours[passage.passage_id]
        assert (passage.path, passage.text.strip()) == (chunk.path, without_asked(chunk.text).strip())
    assert [passage.score for passage in found] == sorted((passage.score for passage in found), reverse=True)
    assert any("RANKING" in passage.path for passage in found)


def test_a_corpus_that_was_never_sent_is_told(server: RunningServer, retriever: R2RRetriever) -> None:
    with pytest.raises(R2RError, match="holds nothing of the corpus 'never'; send it"):
        R2RRetriever(server.base_url, server.api_key, corpus="never").search("ranking", 5)


def test_hybrid_settings_are_obeyed(retriever: R2RRetriever, server: RunningServer) -> None:
    settings = parsed_search_settings('{"use_hybrid_search": true, "hybrid_settings": {"full_text_weight": 5}}')
    hybrid = R2RRetriever(server.base_url, server.api_key, settings, corpus="manual").search("RELSUM", 5)
    assert any("RELSUM" in passage.text for passage in hybrid)
    semantic = retriever.search("RELSUM", 5)
    assert [passage.score for passage in hybrid] != [passage.score for passage in semantic]


def test_a_second_ingest_does_nothing(retriever: R2RRetriever, chunks: list[Chunk]) -> None:
    assert retriever.ingest(chunks, "manual") == IngestCounts(0, 0, len(chunks), 0)


def test_changed_chunks_are_replaced_and_vanished_ones_deleted(server: RunningServer, retriever: R2RRetriever) -> None:
    first = chunk_markdown("# Apples\n\nApples are red.\n\n# Pears\n\nPears are green.", "fruit.md")
    assert retriever.ingest(first, "fruit") == IngestCounts(2, 0, 0, 0)
    edited = chunk_markdown("# Apples\n\nApples may be yellow.", "fruit.md")
    assert retriever.ingest(edited, "fruit") == IngestCounts(0, 1, 0, 1)
    everything = R2RRetriever(server.base_url, server.api_key)
    texts = {passage.path: passage.text for passage in everything.search("apples and pears", 50)}
    assert texts["fruit.md > Apples"] == "Apples may be yellow."
    assert "fruit.md > Pears" not in texts
    assert len(texts) > 10  # the other corpus is untouched
    assert retriever.ingest([], "fruit").removed == 1


def test_the_server_writes_an_answer_that_passes_the_gate(retriever: R2RRetriever) -> None:
    answer = retriever.rag("How do I rank customers within each {nation}?", 4, ["RANKING", "per="])
    assert len(answer.passages) == 4
    assert grounding_problems(answer.text, answer.passages) == []
    assert answer.citations
    assert answer.text.startswith("No language model is configured")
    for number in answer.citations:
        assert answer.passages[number - 1].text.strip() in answer.text
    assert not re.search(r"\[[0-9a-f]{7}\]", answer.text)


def test_what_needs_a_model_is_told(server: RunningServer) -> None:
    hyde = R2RRetriever(server.base_url, server.api_key, {"search_strategy": "hyde"}, first_wait_s=0)
    with pytest.raises(R2RError, match="no language model is configured"):
        hyde.search("rank customers", 3)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (None, "an API key is needed (401: "),
        ("pk_wrong.sk_wrong_and_secret", "the API key was refused (401: "),
    ],
)
def test_who_has_no_key_is_told_so(server: RunningServer, key: str | None, told: str) -> None:
    other = R2RRetriever(server.base_url, key)
    for request in (
        lambda: other.search("x", 3),
        lambda: other.rag("x", 3),
        lambda: other.ingest(chunk_markdown("# A\none", "a.md"), "a"),
    ):
        with pytest.raises(R2RError) as caught:
            request()
        line = str(caught.value)
        assert line.startswith(f"R2R at {server.base_url}: {told}")
        assert "\n" not in line
        assert "wrong_and_secret" not in line


def test_the_commands_work_and_print_no_secret(server: RunningServer, retriever: R2RRetriever, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "cheese.md").write_text("# Cheese\n\nCheddar matures for a year.\n", encoding="utf-8")
    settings = {"R2R_API_BASE": server.base_url, "R2R_API_KEY": server.api_key or ""}
    ingest = run_module("retriver.ingest", "--backend", "r2r", "--docs", str(tmp_path / "notes"), **settings)
    assert ingest.stdout == "R2R: 1 sent, 0 replaced, 0 unchanged, 0 removed\n"
    found = ["--backend", "r2r", "--docs", str(tmp_path / "notes")]
    search = run_module("retriver.search", "how long does a year take", "-k", "5", *found, **settings)
    assert json.loads(search.stdout)["path"] == "cheese.md > Cheese"  # one line
    wrong = run_module("retriver.search", "x", "--backend", "r2r", **settings | {"R2R_API_KEY": "pk_a.sk_bcdefgh"})
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    told = "".join(done.stdout + done.stderr for done in (ingest, search, wrong))
    assert not [secret for secret in [*secrets_of(server), "sk_bcdefgh"] if secret in told]


def test_a_second_start_says_that_it_runs(server: RunningServer) -> None:
    began = time.monotonic()
    again = setup_r2r(server.home, "start")
    assert again.returncode == 0
    assert again.stdout.startswith(f"R2R is running already at {server.base_url}\n")
    assert time.monotonic() - began < 5
    assert f"R2R_API_BASE={server.base_url}\n" in again.stdout
    status = setup_r2r(server.home, "status")
    assert status.returncode == 0
    assert re.search(r"^r2r runs \(pid \d+\)$", status.stdout, re.MULTILINE)


def test_keys_go_to_files_that_only_their_owner_reads(server: RunningServer, tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("# mine\nGCP_PROJECT=p\nR2R_API_KEY=old\n", encoding="utf-8")
    done = setup_r2r(server.home, "key", "--env", str(env))
    assert done.returncode == 0
    lines = env.read_text("utf-8").splitlines()
    assert lines[:2] == ["# mine", "GCP_PROJECT=p"]
    found = dict(line.split("=", 1) for line in lines[1:])
    assert found["R2R_API_BASE"] == server.base_url
    assert R2RRetriever(found["R2R_API_BASE"], found["R2R_API_KEY"]).search("ranking", 1) is not None
    assert found["R2R_API_KEY"] not in done.stdout + done.stderr
    private = [env, *(server.home / name for name in ("secrets", "api_key", "r2r.toml"))]
    assert [oct(stat.S_IMODE(file.stat().st_mode)) for file in private] == ["0o600"] * 4
    assert [oct(stat.S_IMODE((server.home / name).stat().st_mode)) for name in ("logs", "run")] == ["0o700"] * 2


def test_no_secret_is_in_a_log_or_on_a_command_line(server: RunningServer, retriever: R2RRetriever) -> None:
    logs = [*(server.home / "logs").glob("*.log"), server.home / "postgres" / "postgres.log"]
    assert {"r2r.log", "models.log", "initdb.log"} <= {log.name for log in logs}
    told = [log.read_text("utf-8", errors="replace") for log in logs]
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "r2r.serve" in processes
    assert not [text for text in [*told, processes] for secret in secrets_of(server) if secret in text]


def test_the_local_models_speak_openais_language(server: RunningServer) -> None:
    status = setup_r2r(server.home, "status").stdout
    (pid,) = re.findall(r"^models runs \(pid (\d+)\)$", status, re.MULTILINE)
    command = subprocess.run(["ps", "-o", "args=", "-p", pid], capture_output=True, text=True, check=True).stdout
    base = f"http://127.0.0.1:{command.split('--port')[1].strip()}/v1"

    def post(path: str, body: object) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(f"{base}/{path}", json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    status_code, answer = post("embeddings", {"model": "m", "input": ["rank the customers", "order buyers", "cheese"]})
    assert status_code == 200
    rank, order, cheese = (row["embedding"] for row in answer["data"])

    def cosine(left: list[float], right: list[float]) -> float:
        return sum(a * b for a, b in zip(left, right, strict=True))

    assert len(rank) == 384
    assert cosine(rank, rank) == pytest.approx(1, abs=1e-4)
    assert cosine(rank, order) > cosine(rank, cheese)
    for path, body, message in (
        ("embeddings", {"model": "m", "input": []}, "input: expected a text or a list of texts"),
        ("embeddings", {"model": "m", "input": "x", "dimensions": 7}, "dimensions: this model has 384"),
        ("embeddings", [], "input: expected a text or a list of texts"),
        ("chat/completions", {"messages": [{"role": "user", "content": "Hello"}]}, "no language model is configured"),
        ("chat/completions", {"messages": []}, "messages: expected a list that ends with a text"),
    ):
        status_code, answer = post(path, body)
        assert status_code == 400
        assert answer["error"]["message"].startswith(message)


def test_it_stops_what_it_started_and_starts_with_its_documents_again() -> None:
    with running_server(require_key=False) as server:
        kept = R2RRetriever(server.base_url, None)
        assert kept.ingest(chunk_markdown("# Apples\n\nApples are red.", "fruit.md"), "fruit").sent == 1
        pids = re.findall(r"runs \(pid (\d+)\)", setup_r2r(server.home, "status").stdout)
        assert len(pids) == 3
        bystander = subprocess.Popen(["sleep", "300"])
        try:
            (server.home / "run" / "models.pid").write_text(f"{bystander.pid}\nlong ago\n")  # as if pids came round
            stop = setup_r2r(server.home, "stop")
            assert (stop.returncode, stop.stdout) == (0, "stopped\n")
            assert bystander.poll() is None
        finally:
            bystander.kill()
            bystander.wait()
            os.kill(int(pids[1]), 15)  # the models' pid file was overwritten above
        down = R2RRetriever(server.base_url, None, first_wait_s=0)
        with pytest.raises(R2RError, match="cannot connect; start the server or correct R2R_API_BASE"):
            down.search("apples", 1)
        status = setup_r2r(server.home, "status")
        assert (status.returncode, status.stdout.count("does not run")) == (3, 3)
        assert setup_r2r(server.home, "stop").stdout.startswith("nothing runs")
        port = server.base_url.rpartition(":")[2]
        again = setup_r2r(server.home, "start", R2R_REQUIRE_KEY="0", R2R_PORT=port)
        assert again.returncode == 0, again.stderr
        assert [passage.text for passage in R2RRetriever(server.base_url, None).search("apples", 1)] == [
            "Apples are red."
        ]
