"""Stage 3 within its limits: a target, a budget, a day's requests, a dry run; one by one and in batch jobs."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from tests.end_to_end.support import (
    BUSINESS,
    COUNT_NATIONS,
    KEY,
    NATIONS_A_REGION,
    ROOT,
    WITH_KEY,
    by_id,
    command,
    environment,
    files_with,
    lines,
    make,
    question_of,
    run,
    write_questions,
)
from tests.loopback.gemini_server import BatchFault, LoopbackGemini
from utils.core.paths import WorkDir

SIZES = range(1, 11)
QUESTIONS = [
    {
        "question_id": f"size_{size}",
        "db_name": "tpch",
        "question": f"How many parts have the size number {size}?",
        "gold_sql": f"SELECT COUNT(*) FROM part WHERE p_size = {size}",
    }
    for size in SIZES
]
RIGHT = {
    f"How many parts have the size number {size}?": [f"result = TPCH.CALCULATE(n=COUNT(parts.WHERE(size == {size})))"]
    for size in SIZES
}
WRONG_TWICE = "How many parts have the size number 2?"
PRICES = '[models."gemini-2.5-flash"]\ninput = 100.0\noutput = 100.0\n'


class Stage:
    """Stage 3 over the questions in a work folder of its own."""

    def __init__(self, work: WorkDir, server: LoopbackGemini, rows: list[dict[str, str]]) -> None:
        self.root = work.root
        self.generated = work.stage("generated")
        self.questions = write_questions(work.root / "questions.csv", rows)
        self._flags = ["--provider", "gemini", "--base-url", server.base_url, "--questions", self.questions]
        self._flags += ["--rpm", 6000, "--concurrency", 4]

    def run(self, *flags: object) -> subprocess.CompletedProcess[str]:
        return run(3, self.root, *self._flags, *flags, env=WITH_KEY)

    def make(self, *flags: object) -> str:
        return make(3, self.root, *self._flags, *flags, env=WITH_KEY)

    def start(self, *flags: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command(3, self.root, *self._flags, *flags),
            cwd=ROOT,
            env=environment(WITH_KEY),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def statuses(self) -> list[str]:
        return [row["status"] for row in lines(self.generated)]


def test_asking_stops_when_the_target_is_reached_and_free_rows_are_kept(staged_copy: WorkDir) -> None:
    rows = [COUNT_NATIONS, *QUESTIONS[:5], NATIONS_A_REGION]
    answers = RIGHT | {WRONG_TWICE: ["result = TPCH.CALCULATE(n=COUNT(regions))"]}
    with LoopbackGemini(answers) as server:
        stage = Stage(staged_copy, server, rows)
        out = stage.make("--target-accepted", 3, "--repairs", 0)
        # accepted: the free row, sizes 1 and 3; size 2 is wrong; the rest is not asked; the last is free
        expected = ["accepted", "accepted", "mismatch", "accepted", "not_asked", "not_asked", "accepted"]
        assert stage.statuses() == expected
        assert len(server.requests) == 3  # no call was made that the target has no use for
    assert "target: 4 rows accepted, 3 asked for" in out
    assert "2 not_asked" in out
    assert "up to date" in stage.make("--target-accepted", 3, "--repairs", 0)


@pytest.mark.slow
def test_a_target_that_the_questions_cannot_reach_says_so(staged_copy: WorkDir) -> None:
    with LoopbackGemini(RIGHT) as server:
        stage = Stage(staged_copy, server, QUESTIONS[:3])
        done = stage.run("--target-accepted", 9)
    assert done.returncode == 1
    last = "below target: 3 rows accepted, --target-accepted asks for 9: the questions are spent"
    assert done.stdout.splitlines()[-1] == last


@pytest.mark.parametrize("mode", ["online", pytest.param("batch", marks=pytest.mark.slow)])
def test_the_budget_is_never_exceeded_and_a_larger_one_goes_on(staged_copy: WorkDir, mode: str) -> None:
    prices = staged_copy.root / "prices.toml"
    prices.write_text(PRICES)
    batch = ("--mode", mode, "--batch-poll", 0.05, "--prices", prices, "--max-output-tokens", 100)
    with LoopbackGemini(RIGHT) as server:
        stage = Stage(staged_copy, server, [COUNT_NATIONS, *QUESTIONS])
        cap = 3.0 if mode == "online" else 1.5
        done = stage.run(*batch, "--max-cost-usd", cap)
        usage = server.usage if mode == "online" else server.batch_usage
        spent = 100e-6 * (usage.prompt + usage.output) * (1.0 if mode == "online" else 0.5)
        assert 0.2 * cap < spent <= cap
        assert done.returncode == 3
        assert "stopped: the budget is spent: $" in done.stderr and "is the cap of one run" in done.stderr
        statuses = stage.statuses()
        assert statuses.count("accepted") == 1 + usage.answers
        assert set(statuses) == {"accepted", "not_asked"}
        with sqlite3.connect(staged_copy.ledger) as ledger:
            assert ledger.execute("SELECT SUM(cost_usd) FROM calls").fetchone()[0] == pytest.approx(spent)
        stage.make(*batch)
        assert set(stage.statuses()) == {"accepted"}
        assert not server.duplicates() and not server.batch_duplicates()


@pytest.mark.slow
def test_a_budget_of_nothing_writes_what_the_ledger_knows(staged_copy: WorkDir) -> None:
    with LoopbackGemini(RIGHT) as server:
        Stage(staged_copy, server, QUESTIONS[:2]).make()
        stage = Stage(staged_copy, server, QUESTIONS[:4])
        assert stage.run("--max-cost-usd", 0).returncode == 3
        assert stage.statuses() == ["accepted", "accepted", "not_asked", "not_asked"]
        assert len(server.requests) == 2


@pytest.mark.slow
def test_a_cap_on_a_model_without_a_price_is_refused_before_anything_is_sent(staged_copy: WorkDir) -> None:
    with LoopbackGemini(RIGHT) as server:
        stage = Stage(staged_copy, server, QUESTIONS[:2])
        done = stage.run("--model", "gemini-of-tomorrow", "--max-cost-usd", 1)
        assert (done.returncode, server.requests) == (2, [])
        assert "no price is known for gemini-of-tomorrow" in done.stderr
        assert "no price is known for gemini-of-tomorrow: tokens only" in stage.make("--model", "gemini-of-tomorrow")


def test_a_days_requests_are_counted_over_runs(staged_copy: WorkDir) -> None:
    with LoopbackGemini(RIGHT) as server:
        stage = Stage(staged_copy, server, QUESTIONS)
        done = stage.run("--rpd", 4)
        assert (done.returncode, len(server.requests)) == (3, 4)
        assert re.search(
            r"stopped: today's 4 requests \(--rpd\) are spent; run the same command again after ", done.stderr
        )
        assert sorted(set(stage.statuses())) == ["accepted", "not_asked"]
        stage.run("--rpd", 6)
        assert len(server.requests) == 6


def test_a_dry_run_shows_one_prompt_calls_tokens_and_price_and_sends_nothing(staged_copy: WorkDir) -> None:
    with LoopbackGemini(RIGHT) as server:
        stage = Stage(staged_copy, server, [COUNT_NATIONS, *QUESTIONS])
        out = stage.make("--dry-run", "--candidates", 2, "--repairs", 1)
        assert server.requests == []
        assert not stage.generated.exists() or by_id(stage.generated).keys() == {q["question_id"] for q in BUSINESS}
        for needed in (
            "You write PyDough",
            "# Schema of the database",
            "How many parts have the size number 1?",
            "questions to ask: 10, of which the ledger answers the first call of 0",
            "calls: 10 if every first answer is proven, at most 30",
        ):
            assert needed in out
        tokens = int(re.search(r"prompt tokens of the first calls: about ([\d,]+)", out)[1].replace(",", ""))
        cost = float(re.search(r"cost: about \$([\d.]+) for the first calls", out)[1])
        stage.make("--candidates", 2, "--repairs", 1)
        counted = sum(-(-len(question_of(request.body)) // 4) for request in server.requests)
        assert 0.9 < tokens / counted < 1.8  # an estimate, rather too high than too low
        assert cost > 1e-6 * 0.3 * tokens
        again = stage.make("--dry-run", "--candidates", 2, "--repairs", 1)
        assert "of which the ledger answers the first call of 10" in again
        assert len(server.requests) == 10


def test_a_dry_run_needs_no_key(staged_copy: WorkDir) -> None:
    questions = write_questions(staged_copy.root / "questions.csv", QUESTIONS[:1])
    out = make(3, staged_copy.root, "--provider", "gemini", "--dry-run", "--questions", questions)
    assert "nothing was sent" in out


def test_no_prompt_shows_a_row_that_is_held_out(staged_copy: WorkDir) -> None:
    """With a share of 0.999 nearly all templates are held out, so no example is left to show."""
    with LoopbackGemini(RIGHT) as server:
        stage = Stage(staged_copy, server, QUESTIONS[:1])
        stage.make()
        stage.make("--validation-share", 0.999)
        first, second = (question_of(request.body) for request in server.requests)
    shown = [question["question"] for question in BUSINESS if question["question"] in first]
    assert shown and "# Solved examples" in first
    assert "# Solved examples" not in second


def test_batch_jobs_give_the_same_rows_as_calls_one_by_one(staged_copy: WorkDir) -> None:
    answers = RIGHT | {WRONG_TWICE: ["result = TPCH.CALCULATE(n=COUNT(regions))", *RIGHT[WRONG_TWICE]]}
    with LoopbackGemini(answers) as server:
        stage = Stage(staged_copy, server, QUESTIONS)
        stage.make()
        one_by_one = stage.generated.read_bytes()
        staged_copy.ledger.unlink()
        server.batch_faults.append(BatchFault("item_failed", index=(3, 4), keyless=True))
        stage.make("--mode", "batch", "--batch-poll", 0.05, "--force")
        assert stage.generated.read_bytes() == one_by_one
        sizes = [job.size for job in server.batch_jobs]
        # the repair and the failed items are the next round, unless it is the row repaired whose item failed
        assert sizes in ([10, 3], [10, 2, 1])


@pytest.mark.slow
def test_candidates_of_a_batch_go_out_together_and_the_shortest_that_is_proven_stays(staged_copy: WorkDir) -> None:
    long = "result = TPCH.CALCULATE(how_many_parts_there_are=COUNT(parts.WHERE(size == 1)))"
    [short] = RIGHT[QUESTIONS[0]["question"]]
    with LoopbackGemini({QUESTIONS[0]["question"]: ["result = parts", long, short]}) as server:
        stage = Stage(staged_copy, server, QUESTIONS[:1])
        stage.make("--mode", "batch", "--batch-poll", 0.05, "--candidates", 3)
        assert [job.size for job in server.batch_jobs] == [3]
    row = by_id(stage.generated)["size_1"]
    assert (row["program"], row["attempts"], row["origin"]) == (short, 3, "gemini-2.5-flash#3")


@pytest.mark.slow
def test_the_price_is_told_before_the_first_call(staged_copy: WorkDir) -> None:
    with LoopbackGemini(RIGHT) as server:
        out = Stage(staged_copy, server, QUESTIONS).make().splitlines()
    assert out[0].startswith("Gemini: questions to ask: 10, of which the ledger answers the first call of 0; calls: 10")
    assert "; cost: about $0.0" in out[0]


def test_a_stopped_batch_run_is_taken_up_where_it_was(staged_copy: WorkDir) -> None:
    with LoopbackGemini(RIGHT, batch_polls=10**9) as server:
        stage = Stage(staged_copy, server, QUESTIONS)
        flags = ("--mode", "batch", "--batch-poll", 0.05)
        for number in (signal.SIGTERM, signal.SIGKILL):
            running = stage.start(*flags)
            until = time.monotonic() + 60
            polls = server.batch_jobs[0].polls if server.batch_jobs else 0
            while not (server.batch_jobs and server.batch_jobs[0].polls > polls) and time.monotonic() < until:
                time.sleep(0.02)
            running.send_signal(number)
            _out, err = running.communicate(timeout=60)
            if number == signal.SIGTERM:
                assert running.returncode == 3
                assert "batch jobs go on without us" in err and "resume with: " in err
        server.batch_polls = 1
        stage.make(*flags)
        assert set(stage.statuses()) == {"accepted"}
        assert [job.size for job in server.batch_jobs] == [10]


@pytest.mark.slow
def test_a_vote_is_told_apart_from_gold_up_to_the_set(staged_copy: WorkDir) -> None:
    vote = {"question_id": "vote", "db_name": "tpch", "question": "How many suppliers do we have in all?"}
    script = [
        "result = TPCH.CALCULATE(n=COUNT(suppliers))",
        "result = TPCH.CALCULATE(n=COUNT(suppliers.key))",
    ]
    with LoopbackGemini({vote["question"]: script}) as server:
        stage = Stage(staged_copy, server, [COUNT_NATIONS, vote])
        assert stage.run().returncode == 0
        assert by_id(stage.generated)["vote"]["status"] == "no_gold"
        stage.make("--agree", 2)
    row = by_id(stage.generated)["vote"]
    assert (row["status"], row["tier"], row["gold_sql"]) == ("accepted", "vote", None)
    make(4, stage.root, "--questions", stage.questions, "--validation-share", 0)
    accounted = by_id(staged_copy.sft / "latest" / "rows.jsonl")
    assert (accounted["vote"]["tier"], accounted["nations"]["tier"]) == ("vote", "gold")


def test_the_key_is_in_nothing_that_was_written_even_if_the_model_says_it(staged_copy: WorkDir) -> None:
    answers = {
        QUESTIONS[0]["question"]: [
            f"# {KEY}\nresult = parts.WHERE(name == '{KEY}')",
            RIGHT[QUESTIONS[0]["question"]][0],
        ]
    }
    with LoopbackGemini(answers) as server:
        stage = Stage(staged_copy, server, QUESTIONS[:1])
        done = stage.run("--repairs", 0)
    assert by_id(stage.generated)["size_1"]["program"].startswith("# ***")
    assert files_with(KEY, staged_copy.root) == []
    assert KEY not in done.stdout + done.stderr


@pytest.mark.slow
def test_the_ledger_can_be_read(staged_copy: WorkDir) -> None:
    with LoopbackGemini(RIGHT) as server:
        Stage(staged_copy, server, QUESTIONS[:3]).make()
    ledger = ["-m", "utils.gemini.ledger", "--ledger", str(staged_copy.ledger)]

    def told(*flags: str) -> str:
        done = subprocess.run([sys.executable, *ledger, *flags], cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout

    assert "gemini-2.5-flash" in told() and "loopback" in told()
    assert "size number 2" in told("calls")
    assert "You write PyDough" in told("show", "1")
