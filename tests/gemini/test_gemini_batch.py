"""Calls in batch jobs, through the real SDK: the Developer API inline and by file, Vertex AI through a bucket."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from hypothesis import given
from hypothesis import strategies as st

from tests.gemini.support import WITH_KEY, WITH_VERTEX, call, engine_on
from tests.loopback.gemini_server import BatchFault, Fault, LoopbackGemini
from tests.loopback.scripted_model import Prompt
from tests.loopback.storage_emulator import storage_emulator
from utils.core.console import Exhausted, Interrupted, UserError
from utils.gemini import batch_service
from utils.gemini.batch_service import JobItem, cut_into_jobs
from utils.gemini.calls import Reply
from utils.gemini.faults import CallError
from utils.gemini.ledger import Ledger
from utils.gemini.outcomes import request_json
from utils.gemini.prices import Prices
from utils.gemini.rows import run_rows

WAYS = ("inline", "file", "vertex")
ROWS = [f"question {number}" for number in range(7)]
PRICES = 'batch_factor = 0.5\n[models."gemini-test"]\ninput = 1000.0\noutput = 3000.0\n'


def shout(prompt: Prompt) -> str:
    return prompt.turns[-1][1].upper()


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with storage_emulator() as emulator, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator)
        client = storage.Client("shop", AnonymousCredentials(), client_options={"api_endpoint": emulator})
        client.create_bucket("shop-batches")
        yield "gs://shop-batches/nightly"


class Batches:
    """Rows asked in batch jobs of one way."""

    def __init__(self, way: str, folder: Path, bucket: str) -> None:
        self.way, self.folder = way, folder
        vertex = WITH_VERTEX.model_copy(update={"gcs_bucket": bucket})
        self.settings = vertex if way == "vertex" else WITH_KEY

    def ask(self, server: LoopbackGemini, rows: list[str] = ROWS, repair: str = "", **options: Any) -> list[Any]:
        """Each row's answer, or its error; rows that hold `repair` ask on after their first answer."""
        self.told = ""

        async def main() -> list[Any]:
            options.setdefault("poll_s", 0.02)
            async with engine_on(server, self.folder, settings=self.settings, mode="batch", **options) as engine:

                async def work(row: str) -> Any:
                    try:
                        reply = await engine.ask(call(row))
                        if repair and repair in row:
                            again = [("user", row), ("model", reply.text), ("user", f"again {row}")]
                            reply = await engine.ask(call(contents=again))
                        return reply
                    except (CallError, Exhausted) as error:
                        return error

                results = [result async for _index, result in run_rows(rows, work, 100, engine=engine)]
                self.told = engine.account.told()
                self.counts = engine.counts
                return results

        return asyncio.run(main())


@pytest.fixture(params=WAYS)
def batches(request: pytest.FixtureRequest, tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Batches:
    if request.param == "file":
        monkeypatch.setattr(batch_service, "MOST_INLINE_BYTES", 10)
    return Batches(request.param, tmp_path, bucket)


def texts(results: list[Any]) -> list[str]:
    return [result.text if isinstance(result, Reply) else type(result).__name__ for result in results]


def test_all_who_ask_go_out_in_one_job_and_get_their_own_answers(batches: Batches) -> None:
    with LoopbackGemini(shout) as server:
        assert texts(batches.ask(server)) == [row.upper() for row in ROWS]
        assert [(job.way, job.size) for job in server.batch_jobs] == [(batches.way, len(ROWS))]
        assert server.requests == []  # nothing was asked one by one
        assert texts(batches.ask(server)) == [row.upper() for row in ROWS]  # from the ledger
        assert len(server.batch_jobs) == 1
    assert batches.counts.from_ledger == len(ROWS)


def test_repairs_are_the_next_round(batches: Batches) -> None:
    with LoopbackGemini(shout) as server:
        results = batches.ask(server, repair="3")
        assert [job.size for job in server.batch_jobs] == [len(ROWS), 1]
    assert texts(results)[2:4] == ["QUESTION 2", "AGAIN QUESTION 3"]


def test_the_requests_are_those_that_go_out_one_by_one(tmp_path: Path) -> None:
    asked = call(
        "How?",
        system_instruction="Be brief.",
        top_p=0.5,
        max_output_tokens=99,
        thinking_budget=0,
        seed=3,
        response_schema={"type": "OBJECT", "properties": {"code": {"type": "STRING"}}},
    )

    async def ask(server: LoopbackGemini) -> None:
        async with engine_on(server, tmp_path) as engine:
            await engine.ask(asked)

    with LoopbackGemini() as server:
        asyncio.run(ask(server))
        [received] = server.requests
    sent, ours = _plain(received.body), _plain(request_json(asked))
    sent["generationConfig"]["thinkingConfig"] = ours["generationConfig"]["thinkingConfig"]  # snake case over the wire
    assert ours == sent


def _plain(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"systemInstruction": body["systemInstruction"]["parts"]}


@pytest.mark.parametrize("details", [(), [{"@type": "type.googleapis.com/google.rpc.RetryInfo"}]])
@pytest.mark.parametrize("keyless", [False, True])
def test_a_failed_item_falls_back_to_the_next_round_with_or_without_its_key(
    batches: Batches, keyless: bool, details: Any
) -> None:
    fault = BatchFault("item_failed", index=(1, 4), keyless=keyless, details=details)
    with LoopbackGemini(shout, batch_faults=[fault]) as server:
        assert texts(batches.ask(server)) == [row.upper() for row in ROWS]
        assert [job.size for job in server.batch_jobs] == [len(ROWS), 2]
    assert batches.counts.faults == {"batch_item": 2}


def test_an_item_that_fails_in_every_round_costs_its_row(batches: Batches) -> None:
    with LoopbackGemini(shout, batch_faults=[BatchFault("item_failed", index=0)] * 3) as server:
        assert texts(batches.ask(server)) == ["CallError", *(row.upper() for row in ROWS[1:])]
        assert [job.size for job in server.batch_jobs] == [len(ROWS), 1, 1]


@pytest.mark.parametrize(
    "fault",
    [
        BatchFault("expired"),
        BatchFault("failed"),
        BatchFault("cancelled"),
        BatchFault("item_missing", index=(0, 1, 2, 3, 4, 5, 6)),
        BatchFault("item_missing", index=3),
    ],
)
def test_what_a_job_does_not_bring_goes_out_again(batches: Batches, fault: BatchFault) -> None:
    own = batches.folder / "prices.toml"
    own.write_text(PRICES)
    room_for_one_round = 7.5 * 0.5 * (1000 * (len(ROWS[0]) + 64) + 3000 * 65_536) / 1e6
    with LoopbackGemini(shout, batch_faults=[fault]) as server:
        assert texts(batches.ask(server, prices=Prices(own), max_cost_usd=room_for_one_round)) == [
            row.upper() for row in ROWS
        ]
        assert [job.size for job in server.batch_jobs] == [len(ROWS), 1 if fault.index == 3 else len(ROWS)]


def test_partial_success_counts_as_the_end_of_a_job(batches: Batches) -> None:
    fault = BatchFault("item_failed", index=2, state="JOB_STATE_PARTIALLY_SUCCEEDED")
    with LoopbackGemini(shout, batch_faults=[fault]) as server:
        assert texts(batches.ask(server)) == [row.upper() for row in ROWS]


def test_a_job_whose_submission_got_no_answer_is_not_submitted_twice(batches: Batches) -> None:
    with LoopbackGemini(shout, batch_faults=[BatchFault("submit_lost")]) as server:
        assert texts(batches.ask(server)) == [row.upper() for row in ROWS]
        assert len(server.batch_jobs) == 1


def test_polling_outlives_a_service_that_is_down(batches: Batches) -> None:
    with LoopbackGemini(shout, poll_faults=[Fault("status", status=503)] * 8, batch_polls=2) as server:
        assert texts(batches.ask(server)) == [row.upper() for row in ROWS]


def test_what_refuses_us_ends_the_run_and_says_what_to_do(batches: Batches) -> None:
    fault = BatchFault("status", status=403)
    with LoopbackGemini(shout, batch_faults=[fault]) as server, pytest.raises(UserError, match="may use this model"):
        batches.ask(server)


def test_a_run_stopped_while_it_waits_leaves_the_job_to_the_next(batches: Batches) -> None:
    async def stopped(server: LoopbackGemini) -> None:
        options = {"settings": batches.settings, "mode": "batch", "poll_s": 0.02}
        async with engine_on(server, batches.folder, **options) as engine:

            async def stop_later() -> None:
                while not server.batch_jobs or not server.batch_jobs[0].polls:
                    await asyncio.sleep(0.01)
                engine.stop(Interrupted("enough"))

            stopping = asyncio.ensure_future(stop_later())
            with pytest.raises(Interrupted, match="enough"):
                async for _ in run_rows(ROWS, lambda row: engine.ask(call(row)), 100, engine=engine):
                    pass
            await stopping

    with LoopbackGemini(shout, batch_polls=10**9) as server:
        asyncio.run(stopped(server))
        server.batch_polls = 1
        assert texts(batches.ask(server)) == [row.upper() for row in ROWS]
        assert len(server.batch_jobs) == 1
        assert texts(batches.ask(server)) == [row.upper() for row in ROWS]
        assert len(server.batch_jobs) == 1


def test_a_job_written_down_and_never_heard_of_is_looked_for_by_its_display_name(batches: Batches) -> None:
    with LoopbackGemini(shout) as server:
        batches.ask(server)
        with sqlite3.connect(batches.folder / "ledger.sqlite") as ledger:  # as a kill at the worst moment leaves it
            ledger.execute("UPDATE jobs SET name = NULL, ended_at = NULL")
            ledger.execute("UPDATE calls SET status = 'sent', response = NULL")
        assert texts(batches.ask(server)) == [row.upper() for row in ROWS]
        assert len(server.batch_jobs) == 1
        with sqlite3.connect(batches.folder / "ledger.sqlite") as ledger:
            ledger.execute("UPDATE jobs SET name = NULL, ended_at = NULL, display_name = 'never submitted'")
            ledger.execute("UPDATE calls SET status = 'sent', response = NULL")
        assert texts(batches.ask(server)) == [row.upper() for row in ROWS]
        assert len(server.batch_jobs) == 2


def test_a_batch_costs_half_to_the_token(batches: Batches, tmp_path: Path) -> None:
    own = tmp_path / "prices.toml"
    own.write_text(PRICES)
    with LoopbackGemini(shout) as server:
        batches.ask(server, prices=Prices(own))
        counted = server.batch_usage
        cost = 0.5 * (counted.prompt * 1000 + counted.output * 3000) / 1e6
    with sqlite3.connect(batches.folder / "ledger.sqlite") as ledger:
        [(kept, mode)] = ledger.execute("SELECT SUM(cost_usd), GROUP_CONCAT(DISTINCT mode) FROM calls").fetchall()
    assert (kept, mode) == (pytest.approx(cost), "batch")
    assert f"cost: ${cost:.4f}" in batches.told


def test_the_cap_holds_for_batches_too(tmp_path: Path) -> None:
    own = tmp_path / "prices.toml"
    own.write_text(PRICES)
    with LoopbackGemini(shout) as server:
        limited = [call(row, max_output_tokens=100) for row in ROWS]
        most = 0.5 * (1000 * (len(ROWS[0]) + 64) + 3000 * 100) / 1e6

        async def main() -> list[Any]:
            options = {"mode": "batch", "poll_s": 0.02, "prices": Prices(own), "max_cost_usd": 3.5 * most}
            async with engine_on(server, tmp_path, **options) as engine:

                async def work(asked: Any) -> Any:
                    try:
                        return await engine.ask(asked)
                    except Exhausted as spent:
                        return spent

                return [result async for _index, result in run_rows(limited, work, 100, engine=engine)]

        results = asyncio.run(main())
        assert server.batch_jobs[0].size == 3
        answered = [result for result in results if isinstance(result, Reply)]
        assert len(answered) == sum(job.size for job in server.batch_jobs)
        assert 3 < len(answered) <= len(ROWS)  # what turned out cheaper left room for another round
        spent = 0.5 * (server.batch_usage.prompt * 1000 + server.batch_usage.output * 3000) / 1e6
        assert spent <= 3.5 * most


def test_vertex_without_a_bucket_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    with LoopbackGemini() as server, pytest.raises(UserError, match="set GCS_BUCKET"):
        engine_on(server, tmp_path, settings=WITH_VERTEX, mode="batch")


def test_two_rows_that_ask_the_same_wait_for_one_answer(batches: Batches) -> None:
    with LoopbackGemini(shout) as server:
        assert texts(batches.ask(server, ["a", "b", "a"])) == ["A", "B", "A"]
        assert [job.size for job in server.batch_jobs] == [2]


def test_a_fault_while_answers_are_read_is_outlived(batches: Batches) -> None:
    faults = [Fault("none"), Fault("status", status=503), Fault("drop"), Fault("none")]
    with LoopbackGemini(shout, poll_faults=faults) as server:
        assert texts(batches.ask(server)) == [row.upper() for row in ROWS]
        assert len(server.batch_jobs) == 1


def test_a_job_that_the_service_does_not_know_any_more_is_asked_again(batches: Batches) -> None:
    with LoopbackGemini(shout) as server:
        batches.ask(server)
    with sqlite3.connect(batches.folder / "ledger.sqlite") as ledger:  # as it was before the answers came
        ledger.execute("UPDATE jobs SET ended_at = NULL")
        ledger.execute("UPDATE calls SET status = 'sent', response = NULL")
    with LoopbackGemini(shout) as server:  # it knows of no job
        assert texts(batches.ask(server)) == [row.upper() for row in ROWS]
        assert [job.size for job in server.batch_jobs] == [len(ROWS)]


def test_the_answers_of_an_earlier_job_count_against_the_cap_and_in_the_account(batches: Batches) -> None:
    own = batches.folder / "prices.toml"
    own.write_text(PRICES)
    room: list[bool] = []

    async def main(server: LoopbackGemini) -> None:
        options = {"settings": batches.settings, "mode": "batch", "poll_s": 0.02, "prices": Prices(own)}
        most = 0.5 * (1000 * (len(ROWS[0]) + 64) + 3000 * 65_536) / 1e6
        async with engine_on(server, batches.folder, max_cost_usd=7.5 * most, **options) as engine:
            asked = asyncio.ensure_future(engine.ask(call(ROWS[0])))
            await asyncio.sleep(0)
            room.append(engine.account.budget.try_reserve(most))  # seven are on their way: no room for an eighth
            await asked
            while engine.counts.calls < len(ROWS):
                await asyncio.sleep(0.01)  # those that nobody asks for again are in the account, too
            room.append(engine.account.budget.try_reserve(most))

    with LoopbackGemini(shout) as server:
        batches.ask(server)
        with sqlite3.connect(batches.folder / "ledger.sqlite") as ledger:
            ledger.execute("UPDATE jobs SET ended_at = NULL")
            ledger.execute("UPDATE calls SET status = 'sent', response = NULL")
        asyncio.run(asyncio.wait_for(main(server), 30))
        assert len(server.batch_jobs) == 1
    assert room == [False, True]


@pytest.mark.parametrize("broken", ["begin_job", "name_job", "end_job"])
def test_a_fault_of_our_own_ends_the_run_instead_of_leaving_everybody_waiting(
    batches: Batches, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def full_disk(*_args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Ledger, broken, full_disk)
    with LoopbackGemini(shout) as server, pytest.raises(OSError, match="No space left"):
        batches.ask(server, repair="question" if broken == "end_job" else "")


def test_rounds_are_closed_when_nobody_is_at_work_and_not_before(tmp_path: Path) -> None:
    async def main(server: LoopbackGemini) -> None:
        async with engine_on(server, tmp_path, mode="batch", poll_s=0.02) as engine:

            async def work(seconds: float) -> None:
                await asyncio.sleep(seconds)  # as proof takes its time
                await engine.ask(call(f"after {seconds}"))

            async for _ in run_rows([0.0, 0.2, 0.5], work, 10, engine=engine):
                pass

    with LoopbackGemini(shout) as server:
        asyncio.run(main(server))
        assert [job.size for job in server.batch_jobs] == [3]


def test_a_row_that_ends_the_run_submits_nothing_more(tmp_path: Path) -> None:
    async def main(server: LoopbackGemini) -> None:
        async with engine_on(server, tmp_path, mode="batch", poll_s=0.02) as engine:

            async def work(row: str) -> None:
                await engine.ask(call(row))
                if row == "bad":
                    raise UserError("bad row")
                await engine.ask(call(f"{row} again"))

            async for _ in run_rows(["bad", "b", "c"], work, 10, engine=engine):
                pass

    with LoopbackGemini(shout) as server:
        with pytest.raises(UserError, match="bad row"):
            asyncio.run(main(server))
        assert [job.size for job in server.batch_jobs] == [3]


def test_a_second_batch_run_on_the_same_ledger_is_kept_off(tmp_path: Path) -> None:
    async def main(server: LoopbackGemini) -> None:
        async with engine_on(server, tmp_path, mode="batch") as engine:
            with pytest.raises(UserError, match="another run with --mode batch"):
                engine_on(server, tmp_path, mode="batch")
            async with engine_on(server, tmp_path):  # one by one is no matter
                pass
            assert engine
        async with engine_on(server, tmp_path, mode="batch"):
            pass

    with LoopbackGemini() as server:
        asyncio.run(main(server))


def test_why_a_job_failed_is_told_in_the_ledger(tmp_path: Path, bucket: str) -> None:
    with LoopbackGemini(shout, batch_faults=[BatchFault("failed", message="quota of tokens")]) as server:
        Batches("vertex", tmp_path, bucket).ask(server)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as ledger:
        [(detail,)] = ledger.execute("SELECT DISTINCT detail FROM calls WHERE status = 'failed'").fetchall()
    assert "FAILED" in detail and "quota of tokens" in detail


@pytest.mark.parametrize("place", ["shop-batches", "s3://shop-batches", "gs://"])
def test_a_bucket_that_is_none_is_told_before_anything_is_asked(tmp_path: Path, place: str) -> None:
    settings = WITH_VERTEX.model_copy(update={"gcs_bucket": place})
    with LoopbackGemini() as server, pytest.raises(UserError, match="expected gs://bucket/folder"):
        engine_on(server, tmp_path, settings=settings, mode="batch")


def test_nothing_that_is_secret_is_logged(batches: Batches, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with LoopbackGemini(shout, batch_faults=[BatchFault("status", status=500), BatchFault("expired")]) as server:
        batches.ask(server)
    assert "loopback-key-4711" not in caplog.text


@given(st.lists(st.tuples(st.integers(1, 300), st.sampled_from(["a", "b"])), max_size=30), st.integers(300, 2000))
def test_jobs_keep_to_the_limits_and_lose_nothing(sizes: list[tuple[int, str]], most: int) -> None:
    items = [JobItem(f"k{number}", call("x" * size, model=model)) for number, (size, model) in enumerate(sizes)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_service, "MOST_FILE_BYTES", most)
        patch.setattr(batch_service, "MOST_ITEMS", 5)
        parts = list(cut_into_jobs(items))
    assert [item for part in parts for item in part] == items
    for part in parts:
        assert len(part) <= 5 and len({item.call.model for item in part}) == 1
        assert len(part) == 1 or sum(batch_service._size(item) for item in part) <= most
