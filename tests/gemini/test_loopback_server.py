import ast
import asyncio
import json
import subprocess
import sys
import urllib.request
from itertools import islice
from pathlib import Path

import pytest
from google.genai import types
from google.genai.errors import ClientError

from retriver.documentation import create_rag_prompt
from retriver.embedded import open_index
from retriver.gate import grounding_problems
from tests.gemini.support import KEY, WITH_KEY, call, engine_on
from tests.loopback import try_it
from tests.loopback.corpus_model import CorpusModel, withheld, wrong_at_first
from tests.loopback.gemini_server import Fault, LoopbackGemini, read_log
from tests.loopback.hashes import prompt_hash
from tests.loopback.quotas import Quotas, most_in_window
from tests.loopback.scripted_model import DEFAULT_ANSWER, Answer, Prompt, last_question
from utils.core.paths import KNOWLEDGE_DIR, QUESTIONS_DIR
from utils.core.questions import LANGUAGE_COLUMNS, read_questions
from utils.core.records import Example, Question
from utils.gemini.client import make_client
from utils.generation.prompting import Prompts
from utils.programs.source import extract_program

ROOT = Path(__file__).resolve().parents[2]


def _texts(server, folder, *asked):
    async def ask():
        async with engine_on(server, folder) as engine:
            return [(await engine.ask(one)).text for one in asked]

    return asyncio.run(ask())


def test_answers_come_in_turn_for_different_requests_and_stay_for_repeated_ones(tmp_path):
    answers = {"How many clerks": ["wrong", "right"], "How many shops": ["five"]}
    repair = [("user", "How many clerks?"), ("model", "wrong"), ("user", "That failed.")]
    asked = [call(), call("How many shops?"), call(contents=repair), call(), call(seed=9), call("Unknown")]
    expected = ["wrong", "five", "right", "wrong", "right", "no idea"]
    with LoopbackGemini(answers, default="no idea") as server:
        assert _texts(server, tmp_path / "one", *asked) == expected
        assert _texts(server, tmp_path / "two", *reversed(asked)) == expected[::-1]  # another ledger: all sent again
        assert len(server.requests) == 2 * (len(asked) - 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Example: How many cats? Now: How many dogs?", "How many dogs"),
        ("Example: How many dogs? Now: How many cats?", "How many cats"),
        ("How many cats?", "How many cats"),
        ("nothing", None),
    ],
)
def test_the_question_that_stands_last_is_the_one_asked(text, expected):
    assert last_question(text, {"How many": [], "How many cats": [], "How many dogs": []}) == expected


def test_a_callable_sees_the_prompt(tmp_path):
    def model(prompt):
        return Answer(f"{prompt.model}|{prompt.system}|{prompt.turns}")

    with LoopbackGemini(model) as server:
        (text,) = _texts(server, tmp_path, call("Q", system_instruction="S"))
    assert text == "gemini-test|S|[('user', 'Q')]"


def test_one_command_serves_a_script_and_logs_what_it_received(tmp_path):
    script, log = tmp_path / "script.json", tmp_path / "log.jsonl"
    faults = [{"kind": "status", "status": 503}]
    script.write_text(json.dumps({"answers": {"clerks": ["7"]}, "api_key": KEY, "faults": faults}))
    command = [sys.executable, "-m", "tests.loopback.gemini_server", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--script", str(script), "--log", str(log)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        address = process.stdout.readline().split()[-1]

        class Elsewhere:
            base_url = address

        assert _texts(Elsewhere, tmp_path, call()) == ["7"]
    finally:
        process.terminate()
        process.communicate()
    received = read_log(log)
    assert [request.fault for request in received] == ["status", "none"]
    assert received[0].prompt_hash == received[1].prompt_hash
    assert received[1].body["contents"][0]["parts"] == [{"text": "How many clerks?"}]
    assert KEY not in log.read_text()


def _refusal(server, *texts, **config):
    """What the last of the requests was refused with, or None; earlier ones must be answered."""
    client = make_client(WITH_KEY, server.base_url, 5.0)
    for number, text in enumerate(texts, start=1):
        try:
            client.models.generate_content(model="gemini-test", contents=text, config=config or None)
        except ClientError as error:
            assert number == len(texts)
            assert (error.code, error.status) == (429, "RESOURCE_EXHAUSTED")
            return error.details["error"]["details"]
    return None


@pytest.mark.parametrize(
    ("quota", "period", "quota_id"),
    [
        ({"rpm": 2}, 60, "GenerateRequestsPerMinutePerProjectPerModel"),
        ({"rpd": 2}, 86_400, "GenerateRequestsPerDayPerProjectPerModel"),
        ({"tpm": 25}, 60, "GenerateContentInputTokensPerModelPerMinute"),  # ten a request
    ],
)
def test_a_quota_is_a_sliding_window_and_names_itself(quota, period, quota_id):
    [kind] = quota
    now = [1_000_000.0]
    with LoopbackGemini(default="fine", clock=lambda: now[0], **quota) as server:
        assert _refusal(server, "a" * 40) is None
        now[0] += period / 2
        [told] = _refusal(server, "b" * 40, "c" * 40)
        assert [violation["quotaId"] for violation in told["violations"]] == [quota_id]
        now[0] += period / 2 - 0.1
        assert _refusal(server, "c" * 40)  # the first still counts
        now[0] += 0.1
        assert _refusal(server, "c" * 40) is None  # what was refused did not
        assert _refusal(server, "d" * 40)
        assert server.refused == {kind: 3}
        assert (len(server.requests), server.completed) == (6, 3)
        assert [request.fault for request in server.requests].count(kind) == 3


def test_a_refusal_uses_up_no_fault_and_can_say_when_to_come_back():
    with LoopbackGemini(default="fine", rpm=1, retry_info_s=2.5, faults=[{"kind": "none"}, {"kind": "html"}]) as server:
        details = _refusal(server, "one", "two")
        assert details[1] == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2.5s"}
        assert [fault.kind for fault in server.faults] == ["html"]


def test_more_at_once_than_there_are_slots_are_refused():
    async def ask_many(server):
        client = make_client(WITH_KEY, server.base_url, 5.0)
        asked = [client.aio.models.generate_content(model="gemini-test", contents=str(n)) for n in range(5)]
        return await asyncio.gather(*asked, return_exceptions=True)

    with LoopbackGemini(default="fine", slots=3, delay_s=0.3) as server:
        replies = asyncio.run(ask_many(server))
        refused = [reply for reply in replies if isinstance(reply, ClientError)]
        assert {(error.code, str(error.details["error"]["details"])) for error in refused} == {(429, "[]")}
        assert (len(refused), server.refused, server.most_at_once) == (2, {"slots": 2}, 3)
        assert server.completed == server.usage.answers == 3
        assert _refusal(server, "later") is None


def test_one_request_over_the_whole_quota_is_never_admitted():
    quotas = Quotas(tpm=10)
    assert [quotas.admit(11, 0, 0.0), quotas.admit(10, 0, 0.0), quotas.admit(1, 0, 1.0)] == ["tpm", "", "tpm"]
    assert quotas.admit(10, 0, 60.0) == ""


def test_the_most_in_any_window_counts_every_request():
    assert most_in_window([0, 1, 59.9, 60, 61, 200], 60) == 3  # the end of a window is not in it
    assert most_in_window([], 60) == 0
    now = [0.0]
    with LoopbackGemini(default="fine", rpm=1, clock=lambda: now[0]) as server:
        _refusal(server, "one", "two")
        now[0] = 61.0
        _refusal(server, "three")
        assert (server.most_in_window(), server.most_in_window(3600)) == (2, 3)


@pytest.mark.parametrize(("reason", "prompt"), [("absent", None), ("zero", 0), ("huge", 10**15 + 1), ("negative", -1)])
def test_usage_can_be_told_wrong(reason, prompt):
    with LoopbackGemini(default="fine", faults=[Fault("usage", reason=reason)]) as server:
        client = make_client(WITH_KEY, server.base_url, 5.0)
        response = client.models.generate_content(model="gemini-test", contents="1234")
        assert response.text == "fine"
        usage = response.usage_metadata
        assert (usage.prompt_token_count if usage else None) == prompt
        assert server.usage.prompt == (prompt or 0)
        assert (
            client.models.generate_content(model="gemini-test", contents="1234").usage_metadata.prompt_token_count == 1
        )


@pytest.mark.parametrize("fault", [{"kind": "usage", "reason": "odd"}, {"kind": "nonsense"}])
def test_a_fault_that_does_not_exist_is_told_at_once(fault):
    with pytest.raises(ValueError, match=r"odd|nonsense"):
        LoopbackGemini(faults=[fault])


def test_the_server_counts_the_tokens_of_answers_that_arrived(tmp_path):
    answers = {"one": [Answer("abcdefgh", thoughts_tokens=7, cached_tokens=2)], "two": [Answer(finish="SAFETY")]}
    faults = [{"kind": "none"}, *({"kind": kind} for kind in ("drop", "cut", "html")), {"kind": "status"}]

    async def ask(server):
        async with engine_on(server, tmp_path, attempts=6) as engine:
            for text in ("one", "two", "three"):
                await engine.ask(call(text))
            return engine.counts

    with LoopbackGemini(answers, default="fine", faults=faults) as server:
        counts = asyncio.run(ask(server))
        assert (len(server.requests), server.completed) == (7, 3)
        told = server.usage
        assert (told.prompt, told.output, told.thoughts, told.cached, told.total) == (4, 3, 7, 2, 14)
        for name in ("prompt", "output", "thoughts", "cached", "total"):
            assert getattr(counts.usage, name) == getattr(told, name)


def test_an_answer_that_nobody_waits_for_is_not_completed(tmp_path):
    async def ask(server):
        async with engine_on(server, tmp_path, timeout_s=0.15) as engine:
            reply = await engine.ask(call())
            await asyncio.sleep(0.4)
            return reply

    with LoopbackGemini(default="fine", faults=[Fault("slow", seconds=0.3)]) as server:
        assert asyncio.run(ask(server)).text == "fine"
        assert (len(server.requests), server.completed, server.usage.answers) == (2, 1, 1)


def test_without_bodies_only_hashes_are_kept(tmp_path):
    log = tmp_path / "log.jsonl"
    with LoopbackGemini(default="fine", keep_bodies=False, log_path=log) as server:
        _refusal(server, "secret", "secret")
        assert [request.body for request in server.requests] == [{}, {}]
        assert list(server.duplicates().values()) == [2]
    assert "secret" not in log.read_text()


def test_another_process_reads_what_was_counted(tmp_path):
    command = [sys.executable, "-m", "tests.loopback.gemini_server", "--rpm", "2", "--no-bodies", "--delay", "0.05"]
    process = subprocess.Popen([*command, "--corpus"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:

        class Elsewhere:
            base_url = process.stdout.readline().split()[-1]

        assert _refusal(Elsewhere, "1234", "1234", "5678")
        with urllib.request.urlopen(f"{Elsewhere.base_url}/stats") as answer:
            stats = json.load(answer)
    finally:
        process.terminate()
        output, _ = process.communicate()
    assert output == "3 requests received\n"
    assert process.returncode == 0
    assert stats["requests"] == 3
    assert stats["completed"] == 2
    assert stats["refused"] == {"rpm": 1}
    assert (stats["distinct_prompts"], stats["duplicate_prompts"]) == (2, 1)
    assert (stats["most_at_once"], stats["most_in_window"]) == (1, 3)
    assert (stats["usage"]["answers"], stats["usage"]["prompt"]) == (2, 2)


def test_a_burst_over_many_connections_is_served_without_loss():
    async def ask_many(server):
        client = make_client(WITH_KEY, server.base_url, 20.0)
        ask = client.aio.models.generate_content
        return await asyncio.gather(*(ask(model="gemini-test", contents=str(number)) for number in range(200)))

    with LoopbackGemini(lambda prompt: prompt.asked, delay_s=0.2) as server:
        replies = asyncio.run(ask_many(server))
        assert [reply.text for reply in replies] == [str(number) for number in range(200)]
        assert server.completed == 200
        assert server.most_at_once > 64
        assert all(isinstance(reply, types.GenerateContentResponse) for reply in replies)


CORPUS = CorpusModel()
RIGHT = next(asked for asked in CORPUS.programs if not withheld(asked) and not wrong_at_first(asked))
WRONG = [asked for asked in CORPUS.programs if wrong_at_first(asked)]


def _corpus_answer(*turns, **config):
    roles = ("user", "model")
    contents = [{"role": roles[place % 2], "parts": [{"text": text}]} for place, text in enumerate(turns)]
    body = {"contents": contents, "generationConfig": config}
    return CORPUS(Prompt("gemini-test", body, prompt_hash("/", body)))


def _stage_3(asked):
    question = Question(question_id="q", db_name="tpch", question=asked)
    other = Example(question_id="o", db_name="tpch", question="What else?", program="result = parts", status="accepted")
    return Prompts().question(question, "# TPCH", [], [other])


def test_the_corpus_model_answers_with_the_program_of_the_question():
    answer = _corpus_answer(_stage_3(RIGHT))
    assert extract_program(answer.text) == CORPUS.programs[RIGHT].strip()
    assert answer == _corpus_answer(_stage_3(RIGHT))
    assert answer.thoughts_tokens > 0
    assert _corpus_answer(_stage_3(RIGHT), thinkingConfig={"thinking_budget": 0}).thoughts_tokens == 0
    assert _corpus_answer(_stage_3("Who knows?")).text == DEFAULT_ANSWER


def test_the_corpus_model_is_wrong_now_and_then_and_right_when_told():
    assert 0.15 < len(WRONG) / len(CORPUS.programs) < 0.35
    broken = 0
    for asked in WRONG:
        first = extract_program(_corpus_answer(_stage_3(asked)).text)
        try:
            assert ast.dump(ast.parse(first)) != ast.dump(ast.parse(CORPUS.programs[asked]))
        except SyntaxError:
            broken += 1
        repaired = _corpus_answer(_stage_3(asked), f"```python\n{first}\n```", "That program is not right.")
        assert extract_program(repaired.text) == CORPUS.programs[asked].strip()
        assert repaired.cached_tokens > 0
    assert 0 < broken < len(WRONG) / 2


def test_the_corpus_model_withholds_one_answer_in_forty():
    refused = [asked for asked in CORPUS.programs if withheld(asked)]
    assert 1 <= len(refused) <= 10
    assert _corpus_answer(_stage_3(refused[0])).finish == "SAFETY"


def test_the_corpus_model_answers_in_json_when_asked_to():
    answer = json.loads(_corpus_answer(_stage_3(RIGHT), responseMimeType="application/json").text)
    assert list(answer) == ["rationale", "code"]
    assert answer["code"] == CORPUS.programs[RIGHT]
    assert answer["rationale"].count("\n") == 0


def test_what_the_corpus_model_writes_of_the_manual_is_grounded(tmp_path):
    index = open_index(KNOWLEDGE_DIR, tmp_path)
    rows = read_questions([QUESTIONS_DIR / "basic_questions.csv"], LANGUAGE_COLUMNS)
    asked = 0
    for row in islice(rows, 60):
        if passages := index.search(row.question.question, 4):
            text = _corpus_answer(create_rag_prompt(row.question.question, row.question.tags, passages)).text
            assert grounding_problems(text, passages) == []
            assert all(f"[{number}]" in text for number in range(1, len(passages) + 1))
            asked += 1
    assert asked > 50


def test_trying_it_runs_all_scripts_against_the_loopback_server(monkeypatch, tmp_path, capsys):
    run = []

    def script(command, *, cwd, env, check):
        assert env["GOOGLE_API_KEY"] == try_it.DUMMY_KEY
        run.append(command[1:])
        return subprocess.CompletedProcess(command, 3 if "retrieve_pydough.py" in command else 0)

    monkeypatch.setattr(try_it.subprocess, "run", script)
    assert try_it.main(["--work-dir", str(tmp_path), "--repairs", "1"]) == 3  # and goes no further
    assert [command[:2] for command in run] == [
        ["-m", "utils.databases.build"],
        ["basicQ_retrieve_pydough.py", "--work-dir"],
        ["retrieve_pydough.py", "--work-dir"],
    ]
    assert all(str(tmp_path) in command for command in run)
    assert capsys.readouterr().out.splitlines()[-1] == "loopback: 0 requests (0 of them sent again)"
    stages = try_it.commands("http://127.0.0.1:1", tmp_path, 5, ["--repairs", "1"])
    assert [command[0] for command in stages if "--provider" in command] == [
        "basicQ_retrieve_pydough.py",
        "retrieve_pydough.py",
        "generate_finetuning_data_gemini.py",
    ]
    assert stages[3][-2:] == ["--repairs", "1"]
    assert stages[4][0] == "merge_schema_data.py"
