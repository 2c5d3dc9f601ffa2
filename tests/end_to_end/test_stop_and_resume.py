"""Stage 3 stopped half-way, by force and by request: the next run ends as if nothing had happened."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.end_to_end.support import (
    ROOT,
    WITH_KEY,
    by_id,
    command,
    copy_stages,
    environment,
    make,
    run,
    write_questions,
)
from tests.loopback.gemini_server import LoopbackGemini
from utils.core.paths import WorkDir

IN_FLIGHT = 2
SIZES = range(1, 13)
QUESTIONS = [
    {
        "question_id": f"size_{size}",
        "db_name": "tpch",
        "question": f"How many parts have the size number {size}?",
        "gold_sql": f"SELECT COUNT(*) FROM part WHERE p_size = {size}",
    }
    for size in SIZES
]
# Every third question is answered wrongly at first, so that there are conversations to cut in two.
ANSWERS = {
    f"How many parts have the size number {size}?": [
        *(["result = TPCH.CALCULATE(n=COUNT(regions))"] if size % 3 == 0 else []),
        f"result = TPCH.CALCULATE(n=COUNT(parts.WHERE(size == {size})))",
    ]
    for size in SIZES
}
REQUESTS = len(SIZES) + 4  # that an undisturbed run makes


class Stoppable:
    """A work folder ready for stage 3, and stage 3 over the questions above."""

    def __init__(self, staged: WorkDir, root: Path, questions: Path) -> None:
        work = copy_stages(staged, root)
        self.root = root
        self.generated = work.stage("generated")
        self._questions = questions
        for path in self.generated.parent.glob("*generated*"):
            path.unlink()

    def flags(self, server: LoopbackGemini) -> list[object]:
        asked = ["--provider", "gemini", "--base-url", server.base_url, "--questions", self._questions]
        return [*asked, "--rpm", 6000, "--concurrency", IN_FLIGHT]

    def start(self, server: LoopbackGemini) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command(3, self.root, *self.flags(server)),
            cwd=ROOT,
            env=environment(WITH_KEY),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finish(self, server: LoopbackGemini) -> str:
        return make(3, self.root, *self.flags(server), env=WITH_KEY)


@pytest.fixture(scope="module")
def undisturbed(staged: WorkDir, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    work = Stoppable(staged, folder / "work", write_questions(folder / "questions.csv", QUESTIONS))
    with LoopbackGemini(ANSWERS) as server:
        work.finish(server)
        assert len(server.requests) == REQUESTS
    make(4, work.root, "--questions", folder / "questions.csv", "--validation-share", 0.3)
    return work.root


@pytest.fixture
def stoppable(undisturbed: Path, staged: WorkDir, tmp_path: Path) -> Stoppable:
    return Stoppable(staged, tmp_path / "other", undisturbed.parent / "questions.csv")


def _wait_for_requests(server: LoopbackGemini, count: int) -> None:
    until = time.monotonic() + 60
    while len(server.requests) < count and time.monotonic() < until:
        time.sleep(0.01)
    assert len(server.requests) >= count


def _processes_of(session: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(folder.name))
    return found


def _all_gone(session: int) -> bool:
    until = time.monotonic() + 10
    while _processes_of(session) and time.monotonic() < until:
        time.sleep(0.05)
    return not _processes_of(session)


def test_killed_twice_it_ends_with_the_same_bytes_and_pays_only_for_what_was_in_flight(
    stoppable: Stoppable, undisturbed: Path
) -> None:
    with LoopbackGemini(ANSWERS, delay_s=0.25) as server:
        for wanted in (4, 9):
            running = stoppable.start(server)
            _wait_for_requests(server, wanted)
            running.kill()
            running.communicate(timeout=30)
            assert running.returncode == -signal.SIGKILL
            assert _all_gone(running.pid), "worker processes are left behind"
            assert not stoppable.generated.exists()
        printed = stoppable.finish(server)
        again = sum(count - 1 for count in server.duplicates().values())
        assert again <= 2 * IN_FLIGHT
        assert len(server.requests) == REQUESTS + again
        from_ledger = int(re.findall(r"(\d+) from the ledger", printed)[0])
        assert from_ledger >= 9 - 2 * IN_FLIGHT
    assert stoppable.generated.read_bytes() == (undisturbed / "stages" / "generated.jsonl").read_bytes()
    make(4, stoppable.root, "--questions", undisturbed.parent / "questions.csv", "--validation-share", 0.3)
    latest, expected = (root / "sft" / "latest" for root in (stoppable.root, undisturbed))
    assert latest.readlink() == expected.readlink()
    for name in ("train", "validation", "basicq_train", "basicq_validation", "rows"):
        assert (latest / f"{name}.jsonl").read_bytes() == (expected / f"{name}.jsonl").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_asked_to_stop_it_says_so_in_one_line_and_resumes(
    stoppable: Stoppable, undisturbed: Path, number: signal.Signals
) -> None:
    with LoopbackGemini(ANSWERS, delay_s=0.25) as server:
        running = stoppable.start(server)
        _wait_for_requests(server, 5)
        if number == signal.SIGINT:
            os.killpg(running.pid, number)  # Ctrl-C reaches the worker processes too
        else:
            running.send_signal(number)
        _out, err = running.communicate(timeout=60)
        assert running.returncode == 3
        told, resume = err.splitlines()
        assert told == f"stopped: {number.name} received"
        assert resume == f"resume with: {shlex.join(['python', *running.args[1:]])}"
        assert _all_gone(running.pid)
        assert len(server.requests) < REQUESTS
        assert [path.name for path in stoppable.generated.parent.iterdir() if "generated" in path.name] == []
        stoppable.finish(server)
        assert server.duplicates() == {}
        assert len(server.requests) == REQUESTS
    assert stoppable.generated.read_bytes() == (undisturbed / "stages" / "generated.jsonl").read_bytes()


@pytest.mark.slow
def test_a_daily_quota_that_is_spent_stops_the_run_and_resumes(stoppable: Stoppable, undisturbed: Path) -> None:
    faults = [{"kind": "none"}] * 4 + [{"kind": "daily_quota"}]
    with LoopbackGemini(ANSWERS, faults=faults) as server:
        stopped = run(3, stoppable.root, *stoppable.flags(server), env=WITH_KEY)
        assert stopped.returncode == 3
        assert re.search(
            r"stopped: the daily quota is spent .* run the same command again after .* UTC\n", stopped.stderr
        )
        statuses = {row["status"] for row in by_id(stoppable.generated).values()}
        assert statuses == {"accepted", "not_asked"}  # what was paid for is there, and the rest is told
        stoppable.finish(server)
        answered = [request.prompt_hash for request in server.requests if request.fault == "none"]
        assert len(answered) == len(set(answered)) == REQUESTS
    assert by_id(stoppable.generated) == by_id(undisturbed / "stages" / "generated.jsonl")
