"""Synthetic rows in a model's words: kept where a round trip leads back, told where not, paid for once."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.support import (
    BUSINESS,
    KEY,
    ROOT,
    WITH_KEY,
    by_id,
    command,
    copy_stages,
    environment,
    files_with,
    lines,
    make,
    run,
    without_env_file,
)
from tests.loopback.gemini_server import LoopbackGemini
from tests.loopback.rewriting_model import ASKED_BACK, GOOD, RewritingModel, is_rewriting
from utils.core.paths import WorkDir

TARGET = 12
SYNTHETIC = ("--provider", "synthetic", "--target-accepted", TARGET, "--instances", 3)
TOLD = (
    "paraphrase: 4 of 12 kept; 2 another answer, 1 asked before, 1 no program, 1 of several lines, 1 over 60 words, "
    "1 unchanged, 1 with names as in code"
)


class Made:
    """Rows as they are without a key, and a work folder with their verdicts."""

    def __init__(self, staged: WorkDir, root: Path) -> None:
        self.work = copy_stages(staged, root)
        self.questions = ("--questions", staged.root / "questions.csv")
        make(3, root, *self.questions, *SYNTHETIC)
        self.rows = lines(self.work.stage("generated"))[len(BUSINESS) :]
        self.model = RewritingModel(self.rows)
        self.calls = TARGET + sum(kind in ASKED_BACK for kind in self.model.kinds.values())

    def copy(self, root: Path) -> WorkDir:
        work = copy_stages(self.work, root)
        shutil.copytree(self.work.cache, work.cache)
        return work

    def flags(self, server: LoopbackGemini) -> list[object]:
        asked = [*self.questions, *SYNTHETIC, "--paraphrase", "--base-url", server.base_url]
        return [*asked, "--rpm", 6000, "--concurrency", 4]


@pytest.fixture(scope="module")
def made(staged: WorkDir, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(staged, tmp_path_factory.mktemp("made") / "work")


class Paraphrased:
    """A work folder after a run, and what the server was asked in it."""

    def __init__(self, made: Made, root: Path) -> None:
        self.work = made.copy(root)
        with LoopbackGemini(made.model) as server:
            self.before = make(3, root, *made.flags(server), "--dry-run")
            assert server.requests == []
            self.printed = make(3, root, *made.flags(server), env=WITH_KEY)
            self.requests = [request.body for request in server.requests]
            self.rows = lines(self.work.stage("generated"))
            self.bytes = self.work.stage("generated").read_bytes()
            self.again = make(3, root, *made.flags(server), env=WITH_KEY)
            self.asked_again = len(server.requests) - len(self.requests)


@pytest.fixture(scope="module")
def paraphrased(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Paraphrased:
    return Paraphrased(made, tmp_path_factory.mktemp("paraphrased") / "work")


def test_what_leads_back_is_kept_and_all_else_stays_as_it_was(made: Made, paraphrased: Paraphrased) -> None:
    assert [line for line in paraphrased.printed.splitlines() if line.startswith("paraphrase: ")] == [TOLD]
    assert f"target: {TARGET} rows accepted, {TARGET} asked for" in paraphrased.printed
    rows = paraphrased.rows[len(BUSINESS) :]
    assert len(rows) == len(made.rows) == TARGET
    for before, after in zip(made.rows, rows, strict=True):
        composed = before["question"]
        if made.model.kinds[composed] != GOOD:
            assert after == before
            continue
        assert after["question"] == made.model.rewrites[composed]
        assert (after["composed_question"], after["tier"]) == (composed, "synthetic+paraphrase")
        assert (after["origin"], after["attempts"]) == ("synthetic+gemini-2.5-flash#1", 1)
        assert after["documentation"].startswith(f"# {after['question']}\n")
        same = ("question_id", "program", "gold_sql", "status", "tags", "source", "passages")
        assert [after[name] for name in same] == [before[name] for name in same]
    assert paraphrased.rows[: len(BUSINESS)] == lines(made.work.stage("generated"))[: len(BUSINESS)]


def test_a_rewrite_is_asked_for_once_and_a_round_trip_knows_nothing_of_the_row(
    made: Made, paraphrased: Paraphrased
) -> None:
    rewrites = [body for body in paraphrased.requests if is_rewriting(body)]
    round_trips = [body for body in paraphrased.requests if not is_rewriting(body)]
    assert (len(rewrites), len(round_trips)) == (TARGET, made.calls - TARGET)
    assert len({body["systemInstruction"]["parts"][0]["text"] for body in rewrites}) > 1  # registers
    for body in rewrites:
        assert not any(row["program"] in str(body) or row["gold_sql"] in str(body) for row in made.rows)
    asked = {made.model.rewrites[question]: question for question in made.model.kinds}
    rows = {row["question"]: row for row in made.rows}
    for body in round_trips:
        assert len(body["contents"]) == 1
        text = body["contents"][0]["parts"][0]["text"]
        for part in ("# Schema of the database", "# Sections of the manual", "# Solved examples"):
            assert part in text
        row = rows[asked[text.rpartition("# Question\n")[2]]]
        prompt = text.rpartition("# Question\n")[0]
        assert not any(row[name] in prompt for name in ("question", "program", "gold_sql"))


def test_a_second_run_asks_nothing_and_gives_the_same_bytes(paraphrased: Paraphrased) -> None:
    assert "generated.jsonl up to date" in paraphrased.again
    assert paraphrased.asked_again == 0
    assert paraphrased.work.stage("generated").read_bytes() == paraphrased.bytes
    assert [path.name for path in paraphrased.work.stage("x").parent.iterdir() if "composed" in path.name] == []
    assert files_with(KEY, paraphrased.work.root) == []


def test_calls_tokens_and_price_are_told_before_the_first_call(made: Made, paraphrased: Paraphrased) -> None:
    nothing_known = f"questions to rewrite: {TARGET}, of which the ledger answers 0, and of {TARGET} round trips"
    for told in (paraphrased.before, paraphrased.printed):
        assert f"{nothing_known} the first call of 0" in told
        assert f"calls: {2 * TARGET} if every first answer is usable, at most {2 * TARGET} and one a cut" in told
        assert re.search(r"cost: about \$0\.0\d+ for the first calls", told)
    for prompt in ("You put questions about a company's data", "You write PyDough", "nothing was sent"):
        assert prompt in paraphrased.before


@pytest.mark.slow
def test_a_forced_run_is_answered_by_the_ledger_and_gives_the_same_bytes(made: Made, paraphrased: Paraphrased) -> None:
    with LoopbackGemini(made.model) as server:
        forced = make(3, paraphrased.work.root, *made.flags(server), "--force", env=WITH_KEY)
        assert server.requests == []
    assert TOLD in forced.splitlines()
    back = made.calls - TARGET
    assert (
        f"questions to rewrite: {TARGET}, of which the ledger answers {TARGET}, and of {back} round trips the first "
        f"call of {back}; calls: 0 if"
    ) in forced
    assert paraphrased.work.stage("generated").read_bytes() == paraphrased.bytes


def test_stage_4_knows_the_tier(made: Made, paraphrased: Paraphrased) -> None:
    root = paraphrased.work.root
    latest = paraphrased.work.sft / "latest"
    kept = [row["question_id"] for row in paraphrased.rows if row["tier"] == "synthetic+paraphrase"]

    def outcomes(*flags: object) -> dict[str, str]:
        make(4, root, *made.questions, *flags)
        return {name: row["outcome"] for name, row in by_id(latest / "rows.jsonl").items()}

    found = outcomes("--execute", 20)
    assert {found[name] for name in kept} <= {"train", "validation"}
    tiers = json.loads((latest / "manifest.json").read_text(encoding="utf-8"))["tiers"]
    assert sum(tiers["synthetic+paraphrase"].values()) == len(kept)
    assert "| synthetic+paraphrase | made from the schema, too, " in (latest / "README.md").read_text(encoding="utf-8")
    assert "synthetic+paraphrase" in (latest / "report.html").read_text(encoding="utf-8")
    others = {row["question_id"] for row in made.rows} - set(kept)
    found = outcomes("--tiers", "synthetic+paraphrase")
    assert {found[name] for name in kept} <= {"train", "validation"}
    assert {found[name] for name in others} == {"other_tier"}
    found = outcomes("--tiers", "synthetic")
    assert {found[name] for name in kept} == {"other_tier"}


@pytest.mark.slow
def test_a_cap_is_kept_what_was_paid_for_is_written_and_the_next_run_goes_on(
    made: Made, paraphrased: Paraphrased, tmp_path: Path
) -> None:
    work = made.copy(tmp_path / "capped")
    prices = tmp_path / "prices.toml"
    prices.write_text('[models."gemini-2.5-flash"]\ninput = 100.0\noutput = 100.0\n')
    with LoopbackGemini(made.model) as server:
        flags = [*made.flags(server), "--prices", prices, "--max-output-tokens", 300]
        done = run(3, work.root, *flags, "--max-cost-usd", 2, env=WITH_KEY)
        assert done.returncode == 3, done.stderr
        assert "stopped: the budget is spent: $" in done.stderr and "resume with: " in done.stderr
        spent = 100e-6 * (server.usage.prompt + server.usage.output)
        assert 0.3 < spent <= 2
        with sqlite3.connect(work.ledger) as ledger:
            assert ledger.execute("SELECT SUM(cost_usd) FROM calls").fetchone()[0] == pytest.approx(spent)
        rows = lines(work.stage("generated"))[len(BUSINESS) :]
        assert {row["status"] for row in rows} == {"accepted"}
        left = int(re.search(r"(\d+) not asked", done.stdout)[1])
        assert 0 < left <= TARGET
        make(3, work.root, *flags, env=WITH_KEY)
        assert not server.duplicates()
        assert len(server.requests) == made.calls
    assert lines(work.stage("generated")) == paraphrased.rows


@pytest.mark.slow
def test_asked_to_stop_it_resumes_without_paying_twice(made: Made, paraphrased: Paraphrased, tmp_path: Path) -> None:
    work = made.copy(tmp_path / "stopped")
    work.stage("generated").unlink()
    with LoopbackGemini(made.model, delay_s=0.3) as server:
        running = subprocess.Popen(
            command(3, work.root, *made.flags(server)),
            cwd=ROOT,
            env=environment(WITH_KEY),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        until = time.monotonic() + 120
        while len(server.requests) < 6 and time.monotonic() < until:
            time.sleep(0.01)
        running.send_signal(signal.SIGTERM)
        _out, err = running.communicate(timeout=60)
        assert running.returncode == 3, err
        assert "stopped: SIGTERM received" in err and "resume with: " in err
        assert 6 <= len(server.requests) < made.calls
        assert not work.stage("generated").exists()
        make(3, work.root, *made.flags(server), env=WITH_KEY)
        assert not server.duplicates()
        assert len(server.requests) == made.calls
    assert work.stage("generated").read_bytes() == paraphrased.bytes


@pytest.mark.slow
def test_batch_jobs_give_the_same_rows_in_two_rounds(made: Made, paraphrased: Paraphrased, tmp_path: Path) -> None:
    work = made.copy(tmp_path / "batch")
    with LoopbackGemini(made.model) as server:
        make(3, work.root, *made.flags(server), "--mode", "batch", "--batch-poll", 0.05, env=WITH_KEY)
        assert [job.size for job in server.batch_jobs] == [TARGET, made.calls - TARGET]
    assert work.stage("generated").read_bytes() == paraphrased.bytes


@pytest.mark.slow
def test_an_answer_that_was_withheld_is_asked_for_again(made: Made, paraphrased: Paraphrased, tmp_path: Path) -> None:
    work = made.copy(tmp_path / "withheld")
    withheld = next(question for question, kind in made.model.kinds.items() if kind == GOOD)

    def silent_once(prompt: Any) -> Any:
        return {"finish": "SAFETY"} if prompt.turns[-1][1] == withheld else made.model(prompt)

    with LoopbackGemini(silent_once) as server:
        printed = make(3, work.root, *made.flags(server), env=WITH_KEY)
    assert "paraphrase: 3 of 12 kept; " in printed and "1 not answered" in printed
    with LoopbackGemini(made.model) as server:
        make(3, work.root, *made.flags(server), env=WITH_KEY)
        assert Counter(is_rewriting(request.body) for request in server.requests) == {True: 1, False: 1}
    assert work.stage("generated").read_bytes() == paraphrased.bytes


@without_env_file
@pytest.mark.parametrize(
    ("flags", "env", "told"),
    [
        (("--provider", "synthetic"), {}, "error: --paraphrase: set GOOGLE_API_KEY, or GCP_PROJECT and "),
        (("--provider", "gemini"), WITH_KEY, "error: --paraphrase rewrites the questions that --provider synthetic"),
        (("--provider", "corpus"), {}, "error: --paraphrase rewrites the questions that --provider synthetic makes"),
        ((), WITH_KEY, "error: --paraphrase rewrites the questions that --provider synthetic makes; name both"),
    ],
)
def test_it_needs_synthetic_rows_and_a_key(
    staged: WorkDir, tmp_path: Path, flags: tuple[str, ...], env: dict[str, str], told: str
) -> None:
    work = copy_stages(staged, tmp_path / "copy")
    done = run(3, work.root, "--questions", staged.root / "questions.csv", "--paraphrase", *flags, env=env)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(told)
