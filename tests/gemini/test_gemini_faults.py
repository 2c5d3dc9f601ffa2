import asyncio
import logging
import sqlite3
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from google.genai.errors import APIError, ClientError
from hypothesis import given
from hypothesis import strategies as st

from tests.gemini.support import KEY, WITH_VERTEX, call, engine_on
from tests.loopback.gemini_server import Fault, LoopbackGemini
from utils.core.console import Interrupted, UserError, set_up_logging
from utils.gemini.errors import classify
from utils.gemini.faults import CallError, retry_after_s
from utils.gemini.ledger import stored_reply
from utils.gemini.quota_day import next_day


async def _ask_once(server, folder, **options):
    async with engine_on(server, folder, **options) as engine:
        reply = await engine.ask(call())
        return reply, engine.counts


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("status", status=408), "timeout"),
        (Fault("rate_limit"), "rate_limited"),
        (Fault("status", status=500), "server_error"),
        (Fault("status", status=503), "server_error"),
        (Fault("drop"), "dropped"),
        (Fault("cut"), "dropped"),
        (Fault("html"), "bad_json"),
        (Fault("slow", seconds=1.0), "timeout"),
    ],
)
def test_what_may_pass_is_tried_again(tmp_path, fault, kind):
    with LoopbackGemini(default="fine", faults=[fault, fault]) as server:
        timeout_s = 0.5 if fault.kind == "slow" else 5.0
        reply, counts = asyncio.run(_ask_once(server, tmp_path, timeout_s=timeout_s))
        assert len(server.requests) == counts.requests == 3
    assert reply.text == "fine"
    assert counts.faults == {kind: 2}
    assert counts.calls == 1


@pytest.mark.parametrize("fault", [Fault("status", status=500), Fault("drop"), Fault("html")])
def test_after_the_last_attempt_the_row_fails_and_the_run_goes_on(tmp_path, fault):
    async def ask_twice(server):
        async with engine_on(server, tmp_path, attempts=3) as engine:
            with pytest.raises(CallError) as caught:
                await engine.ask(call("first"))
            assert caught.value.kind in str(caught.value)
            return await engine.ask(call("second"))

    with LoopbackGemini(default="fine", faults=[fault] * 3) as server:
        assert asyncio.run(ask_twice(server)).text == "fine"
        assert len(server.requests) == 4


def test_a_refusal_for_load_is_outwaited_longer_than_an_error(tmp_path):
    with LoopbackGemini(default="fine", faults=[Fault("rate_limit")] * 11) as server:
        reply, counts = asyncio.run(_ask_once(server, tmp_path, attempts=3))
    assert (reply.text, counts.faults) == ("fine", {"rate_limited": 11})


def test_a_server_that_is_not_there_fails_the_row(tmp_path):
    with LoopbackGemini() as server:
        pass
    with pytest.raises(CallError, match="unreachable"):
        asyncio.run(_ask_once(server, tmp_path))


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(400, "change the request"), (401, "gcloud auth"), (403, "may use this model"), (404, "--model"), (413, "change")],
)
def test_what_will_not_pass_ends_the_run_at_once_and_says_what_to_do(tmp_path, status, remedy):
    with LoopbackGemini(faults=[Fault("status", status=status, message="because\nof this")]) as server:
        with pytest.raises(UserError) as caught:
            asyncio.run(_ask_once(server, tmp_path))
        assert len(server.requests) == 1
    assert f"HTTP {status}: because of this" in str(caught.value)
    assert remedy in str(caught.value)


def test_a_model_that_is_not_found(tmp_path):
    with LoopbackGemini(models=["gemini-other"]) as server, pytest.raises(UserError, match=r"gemini-test.*--model"):
        asyncio.run(_ask_once(server, tmp_path))


def test_after_an_error_that_ends_the_run_nothing_more_is_sent(tmp_path):
    async def ask_many(server):
        async with engine_on(server, tmp_path, concurrency=2) as engine:
            return await asyncio.gather(*(engine.ask(call(str(n))) for n in range(20)), return_exceptions=True)

    with LoopbackGemini(faults=[Fault("status", status=403)] * 20) as server:
        results = asyncio.run(ask_many(server))
        assert all(isinstance(result, UserError) for result in results)
        assert len(server.requests) <= 2


def test_a_wrong_key_is_told_without_showing_it(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with LoopbackGemini(api_key="another key") as server:
        with pytest.raises(UserError, match="GOOGLE_API_KEY") as caught:
            asyncio.run(_ask_once(server, tmp_path))
        assert len(server.requests) == 1
    assert "***" in str(caught.value)  # the server echoes the key
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert KEY not in caplog.text
    assert all(KEY.encode() not in file.read_bytes() for file in tmp_path.iterdir())


def test_a_key_echoed_by_a_passing_fault_is_masked(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    echo = Fault("status", status=500, message=f"no luck with {KEY}")
    with LoopbackGemini(faults=[echo] * 3) as server, pytest.raises(CallError) as caught:
        asyncio.run(_ask_once(server, tmp_path))
    assert "no luck with ***" in str(caught.value)
    assert KEY not in caplog.text


def test_vertex_faults_are_read_alike(tmp_path):
    faults = [Fault("status", status=503), Fault("rate_limit", seconds=0.3)]
    with LoopbackGemini(default="fine", faults=faults) as server:
        reply, counts = asyncio.run(_ask_once(server, tmp_path, settings=WITH_VERTEX))
    assert reply.text == "fine"
    assert counts.faults == {"server_error": 1, "rate_limited": 1}


def test_of_two_waits_the_longer_counts():
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2.5s"}
    body = {"error": {"code": 429, "message": "slow down", "details": [info]}}
    for header, expected in (("5", 5.0), ("1", 2.5)):
        error = ClientError(429, body, httpx2.Response(429, headers={"retry-after": header}))
        assert classify(error).wait_s == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "details", "violations", "quotaId", "retryDelay", "message"]), inner
        )
    ),
)


@given(body=JSON, status=st.sampled_from([400, 408, 429, 503]))
def test_an_error_of_any_shape_is_read(body, status):
    assert classify(APIError(status, body)).retry == (status != 400)


@pytest.mark.parametrize("header", [False, True])
def test_a_wait_that_is_asked_for_pauses_everybody(tmp_path, header):
    async def ask_many(server):
        async with engine_on(server, tmp_path, concurrency=4) as engine:
            await engine.ask(call("first"))
            await asyncio.gather(*(engine.ask(call(str(n))) for n in range(8)))

    with LoopbackGemini(faults=[Fault("rate_limit", seconds=1.0, header=header)]) as server:
        asyncio.run(ask_many(server))
        times = [request.time for request in server.requests]
    assert len(times) == 10
    assert times[1] - times[0] >= 0.99


def test_the_daily_quota_ends_the_run_and_says_when_to_come_back(tmp_path):
    with LoopbackGemini(faults=[Fault("daily_quota")]) as server:
        with pytest.raises(Interrupted) as caught:
            asyncio.run(_ask_once(server, tmp_path))
        assert len(server.requests) == 1
    assert f"after {next_day(datetime.now(UTC)):%Y-%m-%d %H:%M} UTC" in str(caught.value)


def test_a_wait_of_hours_ends_the_run_instead(tmp_path):
    with LoopbackGemini(faults=[Fault("rate_limit", seconds=7200)]) as server:
        with pytest.raises(Interrupted, match="120 minutes"):
            asyncio.run(_ask_once(server, tmp_path))
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("now", "back"),
    [
        (datetime(2026, 1, 15, 7, 59, tzinfo=UTC), datetime(2026, 1, 15, 8, 0, tzinfo=UTC)),
        (datetime(2026, 1, 15, 8, 1, tzinfo=UTC), datetime(2026, 1, 16, 8, 0, tzinfo=UTC)),
        (datetime(2026, 7, 1, 12, 0, tzinfo=UTC), datetime(2026, 7, 2, 7, 0, tzinfo=UTC)),
    ],
)
def test_daily_quotas_start_anew_at_midnight_in_california(now, back):
    assert next_day(now) == back


def test_retry_after_is_seconds_or_a_date():
    assert retry_after_s({"Retry-After": "2.5"}) == 2.5
    assert retry_after_s({"Retry-After": "soon"}) is None
    assert retry_after_s({}) is None
    assert retry_after_s(None) is None
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after_s({"Retry-After": later}) == pytest.approx(90, abs=2)
    assert retry_after_s({"Retry-After": "Wed, 01 Jan 2020 00:00:00 GMT"}) == 0


def _odd(candidate: str, more: str = "") -> bytes:
    return ('{"candidates": [' + candidate + "]" + more + "}").encode()


ODD_ANSWERS = [
    b"42",
    b"[]",
    b'"x"',
    b"null",
    b'{"candidates": {"content": 3}}',
    b'{"candidates": "x"}',
    _odd('{"finishReason": 7}'),
    _odd('{"content": {"parts": "x"}, "finishReason": "STOP"}'),
    _odd('{"content": {"parts": [{"text": null}]}, "finishReason": "STOP"}'),
    b'{"a": ' * 2000 + b"1" + b"}" * 2000,
    b"[" * 100_000,
    b"9" * 6000,
    b'{"candidates": [], "usageMetadata": {"promptTokenCount": "many"}}',
    b"\xff\xfe{}",
]


@pytest.mark.parametrize("body", ODD_ANSWERS, ids=lambda body: repr(body[:24]))
@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_that_breaks_the_sdk_costs_its_row_at_most(tmp_path, body, status):
    async def ask_two(server):
        async with engine_on(server, tmp_path, attempts=2, concurrency=1) as engine:
            try:
                first = (await engine.ask(call("first"))).status
            except CallError as error:
                first = error.kind
            server.faults.clear()
            return first, await engine.ask(call("second"))

    with LoopbackGemini(default="fine", faults=[Fault("raw", status=status, body=body)] * 2) as server:
        first, second = asyncio.run(ask_two(server))
        assert second.text == "fine" and len(server.requests) in (2, 3)
    assert first in ("bad_json", "empty", "ok", "server_error", "other")


@pytest.mark.parametrize(
    ("answer", "text", "prompt"),
    [
        (_odd('{"content": {"parts": [{"text": "a \\ud83d b"}]}, "finishReason": "STOP"}'), "a \ufffd b", 0),
        (
            _odd(
                '{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}',
                ', "usageMetadata": {"promptTokenCount": 100000000000000000000}',
            ),
            "a",
            2**40,
        ),
        (_odd('{"content": {"parts": [{"text": "a"}]}, "finishReason": "NEVER_HEARD_OF"}'), "a", 0),
    ],
)
def test_an_answer_with_something_odd_in_it_is_kept_and_read_alike_again(tmp_path, answer, text, prompt):
    with LoopbackGemini(faults=[Fault("raw", status=200, body=answer)]) as server:
        reply, _counts = asyncio.run(_ask_once(server, tmp_path))
    assert (reply.text, reply.usage.prompt) == (text, prompt)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        [(status, response)] = connection.execute("SELECT status, response FROM calls").fetchall()
    assert status == reply.status and status != "sent"
    if status == "ok":
        assert stored_reply(response, call().model_dump_json(), 0.0).text == text


def test_a_redirect_is_not_followed(tmp_path):
    with LoopbackGemini(default="theirs") as other, LoopbackGemini() as server:
        server.faults.append(Fault("raw", status=307, headers={"Location": f"{other.base_url}/v1/elsewhere"}))
        server.faults.append(Fault("raw", status=302, headers={"Location": f"{other.base_url}/v1/elsewhere"}))
        with pytest.raises(CallError):
            asyncio.run(_ask_once(server, tmp_path, attempts=2))
        assert other.requests == [] and len(server.requests) == 2


def test_a_key_in_a_finish_reason_is_masked(tmp_path, caplog):
    set_up_logging()
    with LoopbackGemini(faults=[Fault("finish", reason=KEY)]) as server:
        reply, _counts = asyncio.run(_ask_once(server, tmp_path))
    assert reply.finish_reason == "***"
    assert KEY.encode() not in (tmp_path / "ledger.sqlite").read_bytes()
