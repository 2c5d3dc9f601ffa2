import asyncio
import contextlib
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.gemini.support import call, engine_on
from tests.loopback.gemini_server import Fault, LoopbackGemini, read_log
from utils.core.console import Interrupted, UserError
from utils.gemini.rows import run_rows

ROOT = Path(__file__).resolve().parents[2]
ROWS = 24  # that the script below asks


async def _collect(rows, work, concurrency, **options):
    return [pair async for pair in run_rows(rows, work, concurrency, **options)]


def test_results_come_in_the_order_of_the_rows():
    chance = random.Random(5)

    async def work(row):
        await asyncio.sleep(chance.random() / 100)
        return row * row

    assert asyncio.run(_collect(range(200), work, 7)) == [(row, row * row) for row in range(200)]


def test_no_rows_no_results():
    async def work(row):
        return row

    assert asyncio.run(_collect([], work, 3)) == []


def test_rows_are_taken_only_as_they_are_needed():
    taken = working = most_working = most_begun = yielded = 0

    def rows():
        nonlocal taken
        for row in range(300):
            taken += 1
            yield row

    async def work(row):
        nonlocal working, most_working, most_begun
        working += 1
        most_working = max(most_working, working)
        most_begun = max(most_begun, taken - yielded)
        # The first of every fifty is slow: those behind it must not pile up.
        await asyncio.sleep(0.05 if row % 50 == 0 else 0.001)
        working -= 1

    async def main():
        nonlocal yielded
        async for _ in run_rows(rows(), work, 4):
            yielded += 1

    asyncio.run(main())
    assert yielded == 300
    assert most_working == 4
    assert most_begun <= 8


def test_an_error_ends_the_run_at_once_though_an_earlier_row_is_slow():
    cancelled = []

    async def work(row):
        if row == 3:
            raise UserError("broken row")
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.append(row)
            raise

    started = time.monotonic()
    with pytest.raises(UserError, match="broken row"):
        asyncio.run(_collect(range(100), work, 5))
    assert time.monotonic() - started < 1
    assert cancelled == [0, 1, 2]  # and no row begins after the broken one


def test_an_error_while_reading_rows_is_raised():
    def rows():
        yield 1
        raise UserError("rows.jsonl:2: not JSON")

    async def work(row):
        return row

    with pytest.raises(UserError, match=r"rows\.jsonl:2"):
        asyncio.run(_collect(rows(), work, 1))


def test_interrupted_lets_rows_in_flight_finish_and_takes_no_more():
    finished, taken = [], []

    def rows():
        for row in range(100):
            taken.append(row)
            yield row

    async def work(row):
        if row == 3:
            raise Interrupted("quota spent")
        await asyncio.sleep(0.1)
        finished.append(row)
        return row

    results = []

    async def main():
        async for index, _ in run_rows(rows(), work, 4):
            results.append(index)

    with pytest.raises(Interrupted, match="quota spent"):
        asyncio.run(main())
    assert results == [0, 1, 2]
    assert sorted(finished) == [0, 1, 2]
    assert len(taken) == 8


def test_the_deadline_cuts_what_does_not_finish():
    async def work(row):
        if row == 1:
            raise Interrupted("quota spent")
        await asyncio.sleep(30)

    started = time.monotonic()
    with pytest.raises(Interrupted, match="quota spent"):
        asyncio.run(_collect(range(10), work, 2, deadline_s=0.2))
    assert 0.15 < time.monotonic() - started < 2


def test_the_daily_quota_keeps_what_was_answered(tmp_path):
    async def main(server):
        async with engine_on(server, tmp_path, concurrency=2) as engine:
            return await _collect([str(n) for n in range(20)], lambda row: engine.ask(call(row)), 2)

    faults = [Fault("none")] * 5 + [Fault("daily_quota")]
    with LoopbackGemini(default="fine", faults=faults) as server:
        with pytest.raises(Interrupted, match="daily quota"):
            asyncio.run(main(server))
        assert len(server.requests) <= 7
        results = asyncio.run(main(server))
        answered = [request.prompt_hash for request in server.requests if request.fault == "none"]
    assert [index for index, _ in results] == list(range(20))
    assert len(answered) == len(set(answered)) == 20


RUNNER = """
import asyncio, sys
from pathlib import Path
from tests.gemini.support import WITH_KEY, call
from utils.core.console import run_script
from utils.gemini.engine import open_engine
from utils.gemini.rows import run_rows

url, folder, rpm, deadline_s = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])

async def run():
    async with open_engine(WITH_KEY, ledger_path=folder / "l.sqlite", model="gemini-test", rpm=rpm, concurrency=4, base_url=url) as engine:
        rows = [f"question {n:03}" for n in range(24)]
        work = lambda row: engine.ask(call(row))
        async for index, reply in run_rows(rows, work, 4, deadline_s=deadline_s, engine=engine):
            print(index, reply.text, flush=True)
    return 0

raise SystemExit(run_script(lambda: asyncio.run(run())))
"""


def _runner(server, folder, rpm, deadline_s=20.0):
    command = [sys.executable, "-c", RUNNER, server.base_url, str(folder), str(rpm), str(deadline_s)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _wait_for_requests(server, count):
    until = time.monotonic() + 20
    while len(server.requests) < count and time.monotonic() < until:
        time.sleep(0.01)
    assert len(server.requests) >= count


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_finishes_what_is_in_flight_and_a_rerun_pays_only_for_the_rest(tmp_path, number):
    with LoopbackGemini(default="fine", delay_s=0.2) as server:
        runner = _runner(server, tmp_path, rpm=1200)
        _wait_for_requests(server, 8)
        runner.send_signal(number)
        out, err = runner.communicate(timeout=20)
        stopped_at = len(server.requests)
        assert runner.returncode == 3
        assert f"stopped: {number.name} received\nresume with: python -c" in err
        assert "Traceback" not in err
        assert stopped_at < ROWS
        assert out.splitlines() == [f"{index} fine" for index in range(stopped_at)]
        out, err = _runner(server, tmp_path, rpm=6000).communicate(timeout=20)
        assert out.splitlines() == [f"{index} fine" for index in range(ROWS)]
        assert server.duplicates() == {}
        assert len(server.requests) == ROWS


def test_whatever_ends_a_run_is_heard_by_what_it_asks_before_anything_else_is_sent() -> None:
    heard: list[Exception] = []

    class Asked:
        def stop(self, reason: Exception) -> None:
            heard.append(reason)

        def at_work(self) -> contextlib.AbstractContextManager[None]:
            return contextlib.nullcontext()

    async def main() -> None:
        async def work(row: str) -> None:
            if row == "bad":
                raise UserError("bad row")
            await asyncio.sleep(0)
            assert heard, "the others must find it stopped as soon as they go on"
            await asyncio.sleep(60)

        async for _ in run_rows(["bad", "b", "c"], work, 3, engine=Asked()):
            pass

    with pytest.raises(UserError, match="bad row"):
        asyncio.run(main())
    assert [str(one) for one in heard] == ["bad row"]


def test_the_second_signal_stops_at_once(tmp_path):
    with LoopbackGemini(default="fine", delay_s=15) as server:
        runner = _runner(server, tmp_path, rpm=6000)
        _wait_for_requests(server, 4)
        runner.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert runner.poll() is None  # what is in flight may still finish
        runner.send_signal(signal.SIGTERM)
        _, err = runner.communicate(timeout=5)
    assert runner.returncode == 3
    assert "resume with: python" in err


def test_a_deadline_ends_the_wait_after_a_signal(tmp_path):
    with LoopbackGemini(default="fine", delay_s=15) as server:
        runner = _runner(server, tmp_path, rpm=6000, deadline_s=0.5)
        _wait_for_requests(server, 4)
        runner.send_signal(signal.SIGINT)
        runner.communicate(timeout=5)
    assert runner.returncode == 3


def test_kill_9_pays_again_only_for_what_was_in_flight(tmp_path):
    log = tmp_path / "requests.jsonl"
    with LoopbackGemini(default="fine", delay_s=0.1, log_path=log) as server:
        for wanted in (6, 14):
            runner = _runner(server, tmp_path, rpm=1200)
            _wait_for_requests(server, wanted)
            runner.kill()
            runner.communicate()
        out, _ = _runner(server, tmp_path, rpm=6000).communicate(timeout=20)
        assert out.splitlines() == [f"{index} fine" for index in range(ROWS)]
        assert len(server.requests) <= ROWS + 2 * 4
        assert max(server.duplicates().values(), default=1) <= 3
    assert len(read_log(log)) == len(server.requests)
