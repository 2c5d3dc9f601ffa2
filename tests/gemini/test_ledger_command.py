import json
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.gemini.support import call, put
from utils.core.console import UserError, remember_secret
from utils.gemini.ledger import Ledger
from utils.gemini.ledger_command import main

ROOT = Path(__file__).resolve().parents[2]
DAYS_AGO = {"today": 0.0, "yesterday": 1.5, "last week": 7.0}


def _age(path, number, days):
    moment = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
    _do(path, "update calls set created_at = ? where id = ?", moment, number)


def _do(path, statement, *values):
    connection = sqlite3.connect(path)
    with connection:
        found = connection.execute(statement, values).fetchall()
    connection.close()
    return found


def _ids(path):
    return [number for (number,) in _do(path, "select id from calls order by id")]


@pytest.fixture
def path(tmp_path):
    """Eight calls: ok, cut, failed and unanswered ones, of two models, one in a batch; a job beside them."""
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path)
    put(ledger, "aa11", call("How many clerks?", system_instruction="Be brief."), "seven")  # 1
    put(ledger, "aa22", call("How many shops?"), "cut he", "MAX_TOKENS")  # 2
    put(ledger, "bb33", call("How many planes?"), "", "SAFETY")  # 3
    ledger.failed(ledger.sent("cc44", call("How many trains?"), 0, "loopback"), "server_error: HTTP 500: no")  # 4
    ledger.sent("cc44", call("How many trains?"), 0, "loopback")  # 5: killed while it was asked
    put(ledger, "dd55", call("How many cats?", model="gemini-other"), "nine")  # 6
    job = ledger.begin_job("nightly", [("ee66", call("How many dogs?"), 0)], "google", "here")  # 7
    ledger.sent("ff77", call("How many owls?"), 0, "loopback")  # 8: on its way
    assert job.items[0].number == 7
    ledger.close()
    for number in (3, 4, 5, 7):
        _age(path, number, 40)
    _do(path, "update calls set cost_usd = null where id = 6")
    return path


def _run(capsys, path, *arguments):
    assert main(["--ledger", str(path), *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def _cells(line):
    return [cell for cell in line.split("  ") if cell]


@pytest.mark.parametrize("arguments", [[], ["totals"]])
def test_totals_tell_what_became_of_the_calls_and_what_they_cost(capsys, path, arguments):
    header, *rows, note = _run(capsys, path, *arguments)
    names = [name.strip() for name in _cells(header)]
    assert names == [
        *("model", "endpoint", "mode", "calls", "ok", "withheld or cut", "failed", "unanswered"),
        *("prompt", "cached", "output", "thoughts", "cost", "no price", "first", "last"),
    ]
    today, long_ago = (f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}" for days in (0, 40))
    assert [[cell.strip() for cell in _cells(row)] for row in rows] == [
        ["gemini-other", "loopback", "online", "1", "1", "-", "0", "0", "3", "0", "2", "0", "$0.0000", "1"]
        + [today] * 2,
        ["gemini-test", "google", "batch", "1", "0", "-", "0", "1", "0", "0", "0", "0", "$0.0000", "0"]
        + [long_ago] * 2,
        [
            *["gemini-test", "loopback", "online", "6", "1"],
            "max_tokens 1, safety 1",
            *["1", "2", "9", "0", "6", "0", "$0.7500", "0"],
            *(long_ago, today),
        ],
        [
            *["total", "8", "2"],
            "max_tokens 1, safety 1",
            *["1", "3", "12", "0", "8", "0", "$0.7500", "1"],
            long_ago,
            today,
        ],
    ]
    assert note == "1 answered calls have no price; their cost is not in the sums"
    assert len({row.rindex("20") for row in rows}) == 1, "columns stand below one another"


def test_a_ledger_without_calls(capsys, tmp_path):
    Ledger(tmp_path / "ledger.sqlite").close()
    assert main(["--work-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "no calls\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [8, 7, 6, 5, 4, 3, 2, 1]),
        (["--limit", "2"], [8, 7]),
        (["--status", "sent"], [8, 7, 5]),
        (["--status", "safety"], [3]),
        (["--model", "gemini-other"], [6]),
        (["--endpoint", "google"], [7]),
        (["--since", f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}"], [8, 6, 2, 1]),
        (["--since", f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M+00:00}"], []),
        (["--status", "ok", "--model", "gemini-test"], [1]),
    ],
)
def test_calls_are_listed_newest_first(capsys, path, arguments, expected):
    lines = _run(capsys, path, "calls", *arguments)
    assert [int(line.split()[0]) for line in lines] == expected
    lines = _run(capsys, path, "calls", "--json", *arguments)
    assert [json.loads(line)["id"] for line in lines] == expected


def test_a_line_says_what_was_asked_and_what_it_took(capsys, path):
    line = _run(capsys, path, "calls", "--status", "ok", "--model", "gemini-test")[0]
    number, when, *rest = _cells(line)
    assert number == "1"
    assert datetime.now(UTC) - datetime.fromisoformat(when) < timedelta(minutes=5)
    assert rest == ["gemini-test", "online #0", "ok", "3+2+0 tokens", "$0.2500", "2 ms", "How many clerks?"]
    told = json.loads(_run(capsys, path, "calls", "--json", "--status", "ok", "--model", "gemini-test")[0])
    assert (told["key"], told["asked"], told["cost_usd"]) == ("aa11", "How many clerks?", 0.25)


def test_long_questions_are_cut_to_one_line(capsys, tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    turns = [("user", "a schema " * 100 + "\nHow many\n clerks?"), ("model", "no"), ("user", "again")]
    put(ledger, "k", call(contents=turns), "x")
    (line,) = _run(capsys, tmp_path / "ledger.sqlite", "calls")
    assert line.endswith("  ...hema a schema a schema a schema a schema How many clerks?")


@pytest.mark.parametrize("wanted", ["1", "aa11", "aa1"])
def test_a_call_in_full_by_number_key_or_its_beginning(capsys, path, wanted):
    lines = _run(capsys, path, "show", wanted)
    assert lines[:2] == ["call 1", "key: aa11"]
    assert lines[3:] == [
        *("model: gemini-test", "temperature: 0.5", "status: ok", "finish reason: STOP"),
        "tokens: 3 prompt, 0 cached, 2 output, 0 thoughts, 5 total",
        *("cost: $0.2500", "took: 2 ms"),
        *("", "--- system instruction", "Be brief.", "", "--- user", "How many clerks?", "", "--- answer", "seven"),
    ]


def test_a_failed_call_in_full(capsys, path):
    lines = _run(capsys, path, "show", "4")
    assert lines[1] == "key: cc44 (also of calls 5)"
    assert {"status: failed", "detail: server_error: HTTP 500: no", "cost: no price"} <= set(lines)
    assert "--- answer" not in lines


def test_a_key_shows_its_answered_call(capsys, path):
    ledger = Ledger(path)
    number = put(ledger, "cc44", call("How many trains?"), "two")
    ledger.sent("cc44", call("How many trains?"), 0, "loopback")
    ledger.close()
    assert _run(capsys, path, "show", "cc")[0] == f"call {number}"


def test_an_answer_is_shown_as_todays_code_reads_it(capsys, path, monkeypatch):
    monkeypatch.setattr("utils.gemini.outcomes._FINISHED", ("STOP", "MAX_TOKENS"))
    lines = _run(capsys, path, "show", "2")
    assert "status: max_tokens (read as ok today)" in lines
    assert lines[-2:] == ["--- answer", "cut he"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("99", "99: no call has this number or key"),
        ("zz", "zz: no call has this number or key"),
        ("a_", "a_: no call has this number or key"),  # not a pattern
        ("aa", "aa: several keys begin so, such as aa11 and aa22"),
        ("9" * 40, "no call has this number or key"),
    ],
)
def test_a_call_that_is_not_there_is_told_in_one_line(path, wanted, message):
    with pytest.raises(UserError, match=message):
        main(["--ledger", str(path), "show", wanted])


def test_secrets_are_masked_on_the_way_out_too(capsys, tmp_path):
    secret = "hunter2-" + "x" * 20
    ledger = Ledger(tmp_path / "ledger.sqlite")
    put(ledger, "k", call(f"{'Say ' * 12}{secret}, api_key=AIzaSyB"), f"it is {secret}")
    ledger.close()
    remember_secret(secret)  # only now: what is stored holds it
    commands = (["calls"], ["calls", "--json"], ["show", "1"])
    for command in commands:
        told = "\n".join(_run(capsys, tmp_path / "ledger.sqlite", *command))
        assert "***" in told
        assert "hunter2" not in told
        assert "AIzaSyB" not in told


@pytest.mark.parametrize(
    ("conditions", "deleted"),
    [
        (["--failed"], {2, 3, 4, 5}),
        (["--older-than", "30"], {3, 4, 5}),
        (["--older-than", "41"], set()),
        (["--older-than", "0"], {1, 2, 3, 4, 5, 6}),
        (["--model", "gemini-other"], {6}),
        (["--endpoint", "google"], set()),
        (["--failed", "--model", "gemini-other"], set()),
        (["--failed", "--older-than", "30", "--endpoint", "loopback"], {3, 4, 5}),
    ],
)
def test_pruning_deletes_what_meets_all_conditions_and_never_what_may_be_answered(capsys, path, conditions, deleted):
    everything = _ids(path)
    prompts = dict(_do(path, "select key, call from prompts"))
    jobs = _do(path, "select * from jobs")
    would = _run(capsys, path, "prune", "--dry-run", *conditions)
    assert (_ids(path), dict(_do(path, "select key, call from prompts"))) == (everything, prompts)
    did = _run(capsys, path, "prune", *conditions)
    assert did[0] == would[0].replace("would delete", "deleted")
    assert set(everything) - set(_ids(path)) == deleted
    needed = {key for (key,) in _do(path, "select distinct key from calls")}
    assert {key for (key,) in _do(path, "select key from prompts")} == needed
    assert did[0].startswith(f"deleted {len(deleted)} calls and {len(prompts) - len(needed)} prompts, ")
    assert _do(path, "select * from jobs") == jobs


def test_bytes_are_those_of_requests_and_answers(capsys, path):
    ((of_call,),) = _do(path, "select length(cast(response as blob)) from calls where id = 6")
    ((of_prompt,),) = _do(path, "select length(cast(call as blob)) from prompts where key = 'dd55'")
    (line,) = _run(capsys, path, "prune", "--dry-run", "--model", "gemini-other")
    assert line == f"would delete 1 calls and 1 prompts, {of_call + of_prompt:,} bytes"


def test_pruning_makes_the_file_smaller_while_a_run_has_it_open(capsys, tmp_path):
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path)
    for number in range(200):
        put(ledger, f"k{number}", call(f"{number}" * 500), "x" * 1000)
    before = sum(file.stat().st_size for file in tmp_path.iterdir())
    lines = _run(capsys, path, "prune", "--older-than", "0")
    assert lines[1].startswith(f"{path}: ")
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < before / 4
    put(ledger, "after", call(), "still writable")
    assert ledger.get("after").text == "still writable"
    ledger.close()


def test_pruning_while_another_process_reads_deletes_and_says_that_the_file_keeps_its_size(capsys, path, monkeypatch):
    monkeypatch.setattr("utils.gemini.ledger_command._WAIT_S", 0.05)
    reader = sqlite3.connect(path)
    reader.execute("begin")
    assert reader.execute("select count(*) from calls").fetchone() == (8,)
    lines = _run(capsys, path, "prune", "--model", "gemini-other")
    assert 6 not in _ids(path)
    assert len(lines) == 2
    assert lines[0].startswith("deleted 1 calls")
    reader.close()


def test_pruning_needs_a_condition(path):
    with pytest.raises(UserError, match="prune: say which calls"):
        main(["--ledger", str(path), "prune", "--dry-run"])
    assert len(_ids(path)) == 8


def test_what_is_no_ledger_is_told_in_one_line_and_left_as_it_is(tmp_path):
    missing = tmp_path / "none" / "ledger.sqlite"
    with pytest.raises(UserError, match="no such ledger"):
        main(["--ledger", str(missing)])
    assert not missing.parent.exists()
    notes = tmp_path / "notes.txt"
    notes.write_text("not a database, though long enough to be read as one" * 100)
    shop = tmp_path / "shop.sqlite"
    _do(shop, "create table calls (id integer)")
    empty = tmp_path / "empty.sqlite"
    empty.touch()
    for path, message in ((notes, "not a database"), (shop, "not a ledger"), (empty, "not a ledger")):
        before = path.read_bytes()
        with pytest.raises(UserError, match=message):
            main(["--ledger", str(path), "prune", "--older-than", "0"])
        assert path.read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["calls", "--limit", "0"],
        ["calls", "--since", "yesterday"],
        ["prune", "--older-than", "-1"],
        ["prune", "--older-than", "inf"],
        ["prune", "--older-than", "nan"],
        ["show"],
        ["sum"],
    ],
)
def test_wrong_usage_is_told_in_one_line(capsys, path, arguments):
    with pytest.raises(SystemExit) as end:
        main(["--ledger", str(path), *arguments])
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert "see `python -m utils.gemini.ledger" in line


def test_the_place_may_stand_before_or_after_the_command(capsys, path, tmp_path):
    outputs = []
    for arguments in (
        ["--ledger", str(path), "calls"],
        ["calls", "--ledger", str(path)],
        ["--work-dir", str(tmp_path), "calls"],
        ["calls", "--work-dir", str(tmp_path)],
        ["--work-dir", "/nowhere", "calls", "--ledger", str(path)],
    ):
        assert main(arguments) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs == [outputs[0]] * 5


def test_reading_waits_for_nobody_and_holds_nobody_up(capsys, path):
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("begin immediate")
    assert len(_run(capsys, path, "calls")) == 8
    writer.close()


def test_from_a_terminal(path):
    command = [sys.executable, "-m", "utils.gemini.ledger", "--ledger", str(path), "show", "none"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: none: no call has this number or key")
