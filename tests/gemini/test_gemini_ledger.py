import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gemini.support import call, engine_on, put
from tests.loopback.gemini_server import Fault, LoopbackGemini
from utils.core.console import UserError
from utils.gemini.calls import Usage, call_key
from utils.gemini.faults import CallError
from utils.gemini.ledger import Ledger

ROOT = Path(__file__).resolve().parents[2]


def _ask(server, folder, *asked, attempt=0):
    async def ask():
        async with engine_on(server, folder) as engine:
            replies = [await engine.ask(one, attempt) for one in asked]
            return replies, engine.counts

    return asyncio.run(ask())


def test_what_was_paid_for_is_not_asked_again_in_a_later_run(tmp_path):
    with LoopbackGemini(default="fine") as server:
        (first,), _ = _ask(server, tmp_path, call())
        (second,), counts = _ask(server, tmp_path, call())
        assert len(server.requests) == 1
    assert (first.from_ledger, second.from_ledger) == (False, True)
    assert second.model_copy(update={"from_ledger": False}) == first
    assert (counts.calls, counts.from_ledger, counts.requests, counts.usage) == (0, 1, 0, Usage())


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "gemini-other"},
        {"contents": [("user", "How many clerks ?")]},
        {"contents": [("user", "How many clerks?"), ("model", "7"), ("user", "Why?")]},
        {"system_instruction": "Be brief."},
        {"temperature": 0.6},
        {"temperature": None},
        {"top_p": 0.5},
        {"max_output_tokens": 9},
        {"thinking_budget": 0},
        {"seed": 0},
        {"prompt_version": "2"},
    ],
)
def test_a_changed_model_prompt_or_parameter_asks_again(tmp_path, changes):
    with LoopbackGemini(default="fine") as server:
        _ask(server, tmp_path, call(), call(**changes))
        assert len(server.requests) == 2


def test_another_sample_of_the_same_prompt_asks_again(tmp_path):
    with LoopbackGemini(default="fine") as server:
        _ask(server, tmp_path, call(), attempt=0)
        _ask(server, tmp_path, call(), attempt=1)
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    "fault",
    [Fault("blocked"), Fault("finish", reason="SAFETY"), Fault("finish", reason="MAX_TOKENS"), Fault("empty")],
)
def test_cut_and_withheld_answers_are_kept_but_never_reused(tmp_path, fault):
    with LoopbackGemini(default="fine", faults=[fault]) as server:
        (first, second, third), counts = _ask(server, tmp_path, call(), call(), call())
        assert len(server.requests) == 2
    assert first.status != "ok"
    assert (second.text, second.from_ledger, third.from_ledger) == ("fine", False, True)
    assert counts.statuses == {first.status: 1, "ok": 1}
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        assert connection.execute("select status from calls order by id").fetchall() == [(first.status,), ("ok",)]


def test_an_error_is_not_reused(tmp_path):
    with LoopbackGemini(default="fine", faults=[Fault("status", status=500)] * 3) as server:
        with pytest.raises(CallError):
            _ask(server, tmp_path, call())
        (reply,), _ = _ask(server, tmp_path, call())
    assert (reply.text, reply.from_ledger) == ("fine", False)


def test_the_same_question_asked_twice_at_once_is_sent_once(tmp_path):
    async def ask_together(server):
        async with engine_on(server, tmp_path) as engine:
            return await asyncio.gather(*(engine.ask(call()) for _ in range(5)))

    with LoopbackGemini(default="fine", delay_s=0.1) as server:
        replies = asyncio.run(ask_together(server))
        assert len(server.requests) == 1
    assert [reply.text for reply in replies] == ["fine"] * 5
    assert [reply.from_ledger for reply in replies].count(False) == 1


def test_the_account_adds_up(tmp_path):
    with LoopbackGemini(default="four") as server:
        replies, counts = _ask(server, tmp_path, call("a" * 8), call("b" * 12), call("a" * 8))
    assert counts.usage == replies[0].usage + replies[1].usage
    assert (counts.usage.prompt, counts.usage.output) == (2 + 3, 2)
    assert str(counts) == (
        "2 calls (ok 2); 1 from the ledger; 2 requests; tokens: 5 prompt (0 cached), 2 output, 0 thoughts"
    )
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        assert connection.execute("select sum(prompt_tokens), sum(output_tokens) from calls").fetchone() == (5, 2)


def test_a_scripted_answer_never_passes_for_googles():
    assert call_key(call(), 0, "loopback") != call_key(call(), 0, "google")


@given(st.text(), st.text())
def test_different_prompts_have_different_keys(one, other):
    same = call_key(call(one), 0, "google") == call_key(call(other), 0, "google")
    assert same == (one == other)


@given(text=st.text(min_size=1).filter(str.strip))
def test_an_answer_comes_back_as_it_was_put(tmp_path_factory, text):
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "deep" / "odd ?#%name.sqlite")
    put(ledger, "k", call(text), text)
    kept = ledger.get("k")
    assert (kept.status, kept.text, kept.ms, kept.from_ledger) == ("ok", text, 1.5, True)
    assert kept.usage == Usage(prompt=3, output=2, total=5)
    ledger.close()


def test_the_first_good_answer_stays_the_answer(tmp_path):
    ledger = Ledger(tmp_path / "l.sqlite")
    put(ledger, "k", call(), "", "SAFETY")
    for text in ("one", "two"):
        put(ledger, "k", call(), text)
    assert ledger.get("k").text == "one"
    assert ledger.get("other") is None


def test_a_run_taken_up_again_does_not_ask_what_was_withheld_from_it(tmp_path):
    ledger = Ledger(tmp_path / "l.sqlite")
    put(ledger, "before", call(), "", "SAFETY")
    time.sleep(0.005)
    since = ledger.begin_run("nightly")
    time.sleep(0.005)
    put(ledger, "during", call(), "", "SAFETY")
    assert ledger.begin_run("nightly") == since  # killed, and started again
    assert ledger.begin_run("another") > since
    assert (ledger.get("before", since), ledger.get("during")) == (None, None)
    assert ledger.get("during", since).status == "safety"
    ledger.finish_run("nightly")
    assert ledger.begin_run("nightly") > since
    assert ledger.get("during", ledger.begin_run("nightly")) is None


def test_a_better_reader_finds_more_in_what_is_kept(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path / "l.sqlite")
    put(ledger, "k", call(), "text", "LANGUAGE")
    assert ledger.get("k") is None
    monkeypatch.setattr("utils.gemini.outcomes._FINISHED", ("STOP", "LANGUAGE"))
    assert ledger.get("k").text == "text"


def test_requests_of_a_day_are_counted_whatever_became_of_them(tmp_path):
    ledger = Ledger(tmp_path / "l.sqlite")
    before = datetime.now(UTC)
    put(ledger, "k", call(), "fine")
    ledger.failed(ledger.sent("l", call("l"), 0, "loopback"), "server_error: HTTP 500")
    ledger.sent("m", call("m"), 0, "loopback")
    ledger.sent("n", call("n"), 0, "google")
    ledger.sent("o", call("o", model="other"), 0, "loopback")
    ledger.begin_job("nightly", [("p", call("p"), 0)], "loopback", "loopback")
    assert ledger.sent_since(before, "loopback", "gemini-test") == 3
    assert ledger.sent_since(datetime.now(UTC) + timedelta(seconds=1), "loopback", "gemini-test") == 0


def test_a_file_that_is_no_ledger_is_refused_in_one_line(tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("not a database, though long enough to be read as one" * 100)
    with pytest.raises(UserError, match=r"notes\.txt: cannot be used as the ledger"):
        Ledger(notes)
    assert notes.read_text().startswith("not a database")
    later = tmp_path / "later.sqlite"
    with sqlite3.connect(later) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(UserError, match="layout 99"):
        Ledger(later)


WRITER = """
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tests.gemini.support import call, put
from utils.gemini.ledger import Ledger

name, path, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
ledger = Ledger(path)
for number in range(count):
    key = f"{name}-{number}"
    put(ledger, key, call(key), key)
    print(key, flush=True)
"""


def _writer(name, path, count):
    command = [sys.executable, "-c", WRITER, name, str(path), str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_two_processes_share_a_new_file(tmp_path):
    path = tmp_path / "l.sqlite"
    writers = [_writer(name, path, 200) for name in ("a", "b")]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    ledger = Ledger(path)
    assert all(ledger.get(f"{name}-{number}") for name in ("a", "b") for number in range(200))


def test_kill_9_loses_nothing_that_was_answered(tmp_path):
    path = tmp_path / "l.sqlite"
    writer = _writer("k", path, 10**9)
    kept = [writer.stdout.readline().strip() for _ in range(50)]
    os.kill(writer.pid, signal.SIGKILL)
    kept += [line.strip() for line in writer.stdout if line.endswith("\n")]
    assert writer.wait() == -signal.SIGKILL
    ledger = Ledger(path)
    assert all(ledger.get(key).text == key for key in kept)
    put(ledger, "after", call(), "still writable")
    assert ledger.get("after").text == "still writable"


def test_the_last_minute_is_what_went_out_in_it(tmp_path):
    ledger = Ledger(tmp_path / "l.sqlite")
    put(ledger, "k", call(), "fine")
    ledger.sent("l", call("l" * 100), 0, "loopback")
    ledger.sent("n", call("n"), 0, "google")
    now = datetime.now(UTC)
    (first_ago, first_tokens), (_ago, tokens) = ledger.last_minute("gemini-test", "loopback", now)
    assert 0 <= first_ago < 5 and first_tokens == 3
    assert tokens > 50  # nobody has counted yet
    assert ledger.last_minute("gemini-test", "loopback", now + timedelta(seconds=62)) == []
