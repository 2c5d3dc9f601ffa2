import asyncio
import os
import time

import pytest

from tests.programs import sandbox_tasks
from utils.programs.sandbox import Sandbox, default_workers

FINE = [("double", number) for number in range(6)]


@pytest.fixture(scope="module")
def sandbox():
    """Two workers with 3 s a task and 1.4 GB more than at their start each; what hangs or dies in one test is replaced for the next."""
    with Sandbox(sandbox_tasks.do, workers=2, limit_s=3.0, memory_mb=1400) as pool:
        yield pool


def among_others(pool, *bad):
    """The outcomes of bad tasks that stand among fine ones, which all must come out right, in order."""
    tasks = [*FINE[:3], *bad, *FINE[3:]]
    outcomes = list(pool.map(tasks))
    assert [outcome.task for outcome in outcomes] == tasks
    fine = [*outcomes[:3], *outcomes[3 + len(bad) :]]
    assert [(outcome.result, outcome.failure) for outcome in fine] == [
        (0, None),
        (2, None),
        (4, None),
        (6, None),
        (8, None),
        (10, None),
    ]
    return outcomes[3 : 3 + len(bad)]


def only(pool, deed, value=None):
    (outcome,) = pool.map([(deed, value)])
    return outcome


def test_outcomes_keep_the_order_of_the_tasks(sandbox):
    tasks = [("sleep", 0.3), *FINE, ("sleep", 0.1), *[("double", number) for number in range(40)]]
    outcomes = list(sandbox.map(tasks))
    assert [outcome.task for outcome in outcomes] == tasks
    assert [outcome.result for outcome in outcomes] == [0.3, 0, 2, 4, 6, 8, 10, 0.1, *range(0, 80, 2)]


def test_tasks_are_taken_as_they_are_needed(sandbox):
    taken = []

    def endless():
        for number in range(10_000):
            taken.append(number)
            yield ("double", number)

    outcomes = sandbox.map(endless())
    assert next(outcomes).result == 0
    assert len(taken) < 20
    outcomes.close()


def test_an_error_is_told_in_one_line(sandbox):
    (outcome,) = among_others(sandbox, ("fail", "bad\n  value"))
    assert (outcome.failure, outcome.detail, outcome.result) == ("error", "ValueError: bad value", None)


@pytest.mark.parametrize("deed", ["kill", "segfault", "exit"])
def test_a_worker_that_dies_costs_one_task(sandbox, deed):
    (outcome,) = among_others(sandbox, (deed, 7))
    assert outcome.failure == "crash" and "worker process died" in outcome.detail


def test_a_hanging_task_costs_one_task(sandbox):
    started = time.monotonic()
    outcomes = among_others(sandbox, ("spin", None), ("sleep", 30))
    assert [(outcome.failure, outcome.detail) for outcome in outcomes] == [
        ("timeout", "stopped at the wall-clock limit")
    ] * 2
    assert time.monotonic() - started < 12


@pytest.mark.parametrize(("deed", "value"), [("eat_memory", 2_000), ("grow", None)])
def test_a_memory_bomb_costs_one_task(sandbox, deed, value):
    (outcome,) = among_others(sandbox, (deed, value))
    assert (outcome.failure, outcome.detail) == ("crash", "out of memory")


def test_memory_below_the_limit_may_be_used(sandbox):
    assert only(sandbox, "eat_memory", 100).result == 100 * 1024 * 1024


@pytest.mark.parametrize("deed", ["sys_exit", "interrupt"])
def test_a_task_can_end_neither_its_worker_nor_the_run(sandbox, deed):
    (outcome,) = among_others(sandbox, (deed, None))
    assert outcome.failure is not None and outcome.result is None


def test_a_result_that_cannot_travel_costs_one_task(sandbox):
    (outcome,) = among_others(sandbox, ("lambda", None))
    assert outcome.failure is not None


def test_a_large_result_arrives(sandbox):
    assert len(only(sandbox, "large", 30_000_000).result) == 30_000_000


def test_what_a_worker_prints_is_swallowed(sandbox, capfd):
    pid = only(sandbox, "print", "noise\n").result
    assert pid != os.getpid()
    assert capfd.readouterr() == ("", "")


def test_a_worker_has_no_environment_and_no_input(sandbox, monkeypatch):
    monkeypatch.setenv("GOOGLE_API_KEY", "not-for-workers")
    assert only(sandbox, "environment").result == {"TZ": "UTC"}
    assert only(sandbox, "read_stdin").result == ""


def test_an_outcome_can_be_awaited(sandbox):
    async def both():
        pending = [sandbox.run(task) for task in (("sleep", 0.2), ("double", 4))]
        return await asyncio.gather(*(one.outcome_async() for one in pending))

    assert [outcome.result for outcome in asyncio.run(both())] == [0.2, 8]


def test_leaving_with_an_error_stops_the_workers():
    started = time.monotonic()
    with pytest.raises(RuntimeError), Sandbox(sandbox_tasks.do, workers=1, limit_s=60) as pool:
        assert next(pool.map([("double", 1)])).result == 2
        pool.run(("sleep", 50))
        raise RuntimeError
    assert time.monotonic() - started < 20


def test_there_is_a_worker_for_every_core():
    assert 1 <= default_workers() <= (os.cpu_count() or 1)
