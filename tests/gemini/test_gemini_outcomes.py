import asyncio

import pytest

from tests.gemini.support import call, engine_on
from tests.loopback.gemini_server import Fault, LoopbackGemini
from tests.loopback.scripted_model import Answer, tokens


def _ask(server, folder, asked=None):
    async def ask():
        async with engine_on(server, folder) as engine:
            return await engine.ask(asked or call())

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        (Fault("blocked"), "blocked", "SAFETY"),
        (Fault("blocked", reason="PROHIBITED_CONTENT"), "blocked", "PROHIBITED_CONTENT"),
        (Fault("finish", reason="SAFETY"), "safety", "SAFETY"),
        (Fault("finish", reason="BLOCKLIST"), "safety", "BLOCKLIST"),
        (Fault("finish", reason="RECITATION"), "recitation", "RECITATION"),
        (Fault("finish", reason="MAX_TOKENS"), "max_tokens", "MAX_TOKENS"),
        (Fault("finish", reason="STOP"), "empty", "STOP"),
        (Fault("finish", reason="LANGUAGE"), "other", "LANGUAGE"),
        (Fault("empty"), "empty", ""),
    ],
)
def test_each_way_of_giving_no_answer_has_its_status(tmp_path, fault, status, reason):
    with LoopbackGemini(faults=[fault]) as server:
        reply = _ask(server, tmp_path)
        assert len(server.requests) == 1
    assert (reply.status, reply.finish_reason, reply.text) == (status, reason, "")


@pytest.mark.filterwarnings("ignore:.*is not a valid FinishReason")
def test_a_finish_reason_nobody_knows_yet_is_other(tmp_path):
    with LoopbackGemini(faults=[Fault("finish", reason="SUNSPOTS")]) as server:
        reply = _ask(server, tmp_path)
    assert (reply.status, reply.finish_reason) == ("other", "SUNSPOTS")


def test_a_cut_answer_keeps_its_text_but_not_the_status_of_a_whole_one(tmp_path):
    with LoopbackGemini(default=Answer("half a pro", finish="MAX_TOKENS")) as server:
        reply = _ask(server, tmp_path)
    assert (reply.status, reply.text) == ("max_tokens", "half a pro")


def test_a_filtered_answer_is_not_taken_for_one_though_it_has_text(tmp_path):
    with LoopbackGemini(default=Answer("something", finish="SAFETY")) as server:
        assert _ask(server, tmp_path).status == "safety"


def test_thoughts_are_no_part_of_the_answer(tmp_path):
    with LoopbackGemini(default=Answer("seven", thought="let me count")) as server:
        assert _ask(server, tmp_path).text == "seven"


def test_usage_is_the_services_own_count(tmp_path):
    answer = Answer("x" * 41, thoughts_tokens=9, cached_tokens=3)
    asked = call("q" * 10, system_instruction="s" * 30)
    with LoopbackGemini(default=answer) as server:
        reply = _ask(server, tmp_path, asked)
    assert reply.status == "ok"
    assert reply.model == "gemini-test"
    assert reply.usage.prompt == tokens("q" * 10) + tokens("s" * 30) == 11
    assert (reply.usage.output, reply.usage.thoughts, reply.usage.cached, reply.usage.total) == (11, 9, 3, 31)
    assert reply.ms > 0
