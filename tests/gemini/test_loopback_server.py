import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gemini.support import KEY, call, engine_on
from tests.loopback.gemini_server import LoopbackGemini, read_log
from tests.loopback.scripted_model import Answer, last_question

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
