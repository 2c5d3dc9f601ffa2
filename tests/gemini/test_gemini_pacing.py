import asyncio
from itertools import cycle, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gemini.fast_time import run_fast
from tests.gemini.support import call, engine_on
from tests.loopback.gemini_server import Fault, LoopbackGemini
from tests.loopback.quotas import most_in_window
from utils.core.console import Interrupted
from utils.gemini.faults import CallError, fault_for_status, fault_for_transport
from utils.gemini.faults import Fault as SeenFault
from utils.gemini.pacing import Pacer


def _retry(error):
    return fault_for_transport(error) or SeenFault("unexpected", str(error), retry=False)


def test_requests_are_spaced_from_the_first_on_retries_included(tmp_path):
    async def ask_many(server):
        async with engine_on(server, tmp_path, rpm=600, concurrency=10) as engine:
            await asyncio.gather(*(engine.ask(call(str(n))) for n in range(12)))

    with LoopbackGemini(faults=[Fault("status", status=503)] * 3) as server:
        asyncio.run(ask_many(server))
        times = sorted(request.time for request in server.requests)
    assert len(times) == 15
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert min(gaps) > 0.03, gaps  # 0.1 s asked for, less what late timers and a busy machine make of it
    assert 14 * 0.1 - 0.05 <= times[-1] - times[0] < 14 * 0.1 * 2  # and on average at the quota, not beyond


def test_at_most_so_many_requests_at_once(tmp_path):
    async def ask_many(server):
        async with engine_on(server, tmp_path, concurrency=3) as engine:
            await asyncio.gather(*(engine.ask(call(str(n))) for n in range(12)))

    with LoopbackGemini(delay_s=0.05) as server:
        asyncio.run(ask_many(server))
        assert server.most_at_once == 3


def test_turns_come_in_the_order_asked_for():
    sent = []

    async def send(number):
        sent.append(number)

    async def main():
        pacer = Pacer(rpm=6000, concurrency=50)
        await asyncio.gather(*(pacer.run(lambda n=n: send(n), _retry) for n in range(30)))

    asyncio.run(main())
    assert sent == list(range(30))


def test_waiting_before_a_retry_holds_no_slot():
    order = []

    async def fail_once():
        order.append("first")
        if len(order) == 1:
            raise ConnectionError
        return "done"

    async def other():
        order.append("other")

    async def main():
        pacer = Pacer(rpm=None, concurrency=1, backoff_s=0.1)
        await asyncio.gather(pacer.run(fail_once, _retry), pacer.run(other, _retry))

    asyncio.run(main())
    assert order == ["first", "other", "first"]


def test_an_attempt_that_hangs_is_ended_and_counted():
    async def hang():
        await asyncio.sleep(60)

    async def main():
        pacer = Pacer(rpm=None, concurrency=1, attempts=2, timeout_s=0.05, backoff_s=0.01)
        with pytest.raises(CallError, match="timeout"):
            await pacer.run(hang, _retry)
        return pacer

    pacer = asyncio.run(main())
    assert (pacer.sent, pacer.faults) == (2, {"timeout": 2})


def test_errors_nobody_knows_are_not_hidden():
    async def broken():
        return {}["absent"]

    async def main():
        pacer = Pacer(rpm=None, concurrency=1)
        with pytest.raises(KeyError):
            await pacer.run(broken, _retry)
        return pacer.sent

    assert asyncio.run(main()) == 1


def test_stopping_wakes_those_who_wait_out_a_pause():
    async def asked_to_wait():
        raise ConnectionError

    async def main():
        pacer = Pacer(rpm=None, concurrency=2)
        waiting = asyncio.ensure_future(pacer.run(asked_to_wait, lambda _: SeenFault("busy", "", True, wait_s=60)))
        await asyncio.sleep(0.05)
        pacer.stop(Interrupted("enough"))
        with pytest.raises(Interrupted, match="enough"):
            await asyncio.wait_for(waiting, timeout=1)
        return pacer.sent

    assert asyncio.run(main()) == 1


@pytest.mark.parametrize(
    ("status", "kind", "retry"),
    [
        (408, "timeout", True),
        (429, "rate_limited", True),
        (500, "server_error", True),
        (599, "server_error", True),
        (400, "refused", False),
        (404, "refused", False),
        (422, "refused", False),
    ],
)
def test_what_a_status_means_for_any_service(status, kind, retry):
    fault = fault_for_status(status, "x", wait_s=2.0)
    assert (fault.kind, fault.retry, fault.wait_s) == (kind, retry, 2.0)


class _Service:
    """Answers after the given seconds, in turn; remembers when requests left and how large they were."""

    def __init__(self, answer_s=(0.3,), faults=()):
        self._answer_s = cycle(answer_s)
        self._faults = iter(faults)
        self.times: list[float] = []
        self.sent: list[object] = []

    async def answer(self, name=None):
        self.times.append(asyncio.get_running_loop().time())
        self.sent.append(name)
        fault = next(self._faults, None)
        await asyncio.sleep(next(self._answer_s))
        if fault is not None:
            raise ConnectionError(fault)

    @property
    def lasted(self):
        return self.times[-1] - self.times[0]


def _as_scripted(error):
    return error.args[0]


async def _ask(pacer, service, count, tokens=0, names=None):
    """So many requests, all in line from the beginning on."""
    names = range(count) if names is None else names
    await asyncio.gather(*(pacer.run(lambda n=n: service.answer(n), _as_scripted, tokens) for n in names))


def _most_a_minute(times):
    return most_in_window(times, 60.0)


async def _until_stopped(pacer, service, count, seconds):
    asking = asyncio.ensure_future(_ask(pacer, service, count))
    await asyncio.sleep(seconds)
    pacer.stop(Interrupted("enough"))
    await asyncio.gather(asking, return_exceptions=True)


@pytest.mark.parametrize(("rpm", "minutes"), [(1, 7), (30, 7), (60, 7), (600, 4), (3000, 3)])
def test_no_minute_has_more_requests_than_allowed_and_the_quota_is_used(rpm, minutes):
    service = _Service()

    async def main():
        await _until_stopped(Pacer(rpm, 200), service, rpm * minutes + 10, 60.0 * minutes)

    run_fast(main())
    assert _most_a_minute(service.times) <= rpm
    if rpm >= 600:
        assert len(service.times) >= 0.97 * rpm * minutes
    assert service.lasted > 60 * minutes - 120 / rpm - 1  # to the end, not in one burst


@settings(deadline=None, max_examples=25)
@given(
    rpm=st.sampled_from([1, 2, 7, 30, 60, 101, 600]),
    answer_s=st.lists(st.floats(0, 70), min_size=1, max_size=10),
    concurrency=st.integers(1, 50),
    arrivals=st.lists(st.tuples(st.floats(0, 100), st.integers(1, 80)), min_size=1, max_size=6),
)
def test_no_minute_has_more_requests_than_allowed_however_long_answers_take(rpm, answer_s, concurrency, arrivals):
    service = _Service(answer_s)

    async def main():
        pacer = Pacer(rpm, concurrency)
        asked = []
        for wait_s, count in arrivals:  # idle times must not add up to a burst
            asked.append(asyncio.ensure_future(_ask(pacer, service, count)))
            await asyncio.sleep(wait_s)
        await asyncio.gather(*asked)

    run_fast(main())
    assert _most_a_minute(service.times) <= rpm
    assert len(service.times) == sum(count for _wait_s, count in arrivals)


@settings(deadline=None, max_examples=5)
@given(st.lists(st.floats(0, 5), min_size=1, max_size=20))
def test_a_large_quota_is_used_up_however_long_answers_take(answer_s):
    service = _Service(answer_s)

    async def main():
        await _until_stopped(Pacer(3000, 400, adaptive=False), service, 3500, 60.0)

    run_fast(main())
    assert 0.97 * 3000 <= len(service.times) <= 3000


_SCRIPTED = st.one_of(
    st.none(),
    st.floats(0, 130).map(lambda wait_s: SeenFault("rate_limited", "", True, wait_s=wait_s)),
    st.just(SeenFault("server_error", "", True)),
)


@settings(deadline=None, max_examples=25)
@given(
    rpm=st.sampled_from([1, 3, 30, 60, 600, 2500]),
    faults=st.lists(_SCRIPTED, max_size=40),
    answer_s=st.lists(st.floats(0, 10), min_size=1, max_size=5),
)
def test_no_minute_has_more_requests_than_allowed_with_pauses_and_retries_between(rpm, faults, answer_s):
    service = _Service(answer_s, faults)
    count = min(2 * rpm, 300)

    async def main():
        await _ask(Pacer(rpm, 40, attempts=50), service, count)

    run_fast(main())
    assert _most_a_minute(service.times) <= rpm
    assert len(service.times) == count + sum(fault is not None for fault in faults[: len(service.times)])


@pytest.mark.parametrize("rpm", [600, None])
def test_nothing_leaves_during_a_pause_and_no_burst_follows_it(rpm):
    service = _Service([0.05], [None] * 20 + [SeenFault("rate_limited", "", True, wait_s=90.0)])

    async def main():
        await _ask(Pacer(rpm, 8), service, 200)

    run_fast(main())
    before = [time for time in service.times if time < service.times[20] + 0.05 + 1e-6]
    after = service.times[len(before) :]
    assert after[0] >= service.times[20] + 0.05 + 90.0
    assert after[0] < service.times[20] + 0.05 + 90.0 + 0.2
    if rpm:
        assert min(later - earlier for earlier, later in pairwise(after)) > 0.05
        assert _most_a_minute(after) <= 600


def test_requests_given_up_while_they_wait_leave_no_gap_and_no_burst():
    service = _Service([1.0])

    async def main():
        pacer = Pacer(60, 10)
        asked = [asyncio.ensure_future(_ask(pacer, service, 1, names=[n])) for n in range(200)]
        for n in range(0, 200, 2):
            await asyncio.sleep(0.31)
            asked[n].cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        assert pacer.limit == 10
        before = len(service.times)
        await _ask(pacer, service, 10)  # no slot is lost
        assert len(service.times) == before + 10
        return pacer

    run_fast(main())
    assert _most_a_minute(service.times) <= 60
    assert len(service.times) >= 0.97 * service.lasted
    odd = [n for n in service.sent[:-10] if n % 2]
    assert odd == list(range(1, 200, 2))


def test_cancelled_requests_leave_no_slot_behind():
    async def main():
        pacer = Pacer(None, 3)
        forever = _Service([1e6])
        asked = [asyncio.ensure_future(_ask(pacer, forever, 1)) for _ in range(10)]
        await asyncio.sleep(1)
        assert len(forever.times) == 3
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        service = _Service([1.0])
        await _ask(pacer, service, 6)
        return service.lasted

    assert run_fast(main()) == pytest.approx(1.0, abs=0.01)


@settings(deadline=None, max_examples=25)
@given(
    tokens=st.lists(st.integers(0, 1500), min_size=1, max_size=150),
    answer_s=st.lists(st.floats(0, 20), min_size=1, max_size=5),
    rpm=st.sampled_from([10, 60, 600]),
)
def test_requests_and_tokens_a_minute_are_both_kept_and_the_order_stays(tokens, answer_s, rpm):
    service = _Service(answer_s)

    async def main():
        pacer = Pacer(rpm, 50, tpm=2000)
        await asyncio.gather(
            *(pacer.run(lambda n=n: service.answer(n), _as_scripted, size) for n, size in enumerate(tokens))
        )

    run_fast(main())
    assert service.sent == list(range(len(tokens)))
    assert _most_a_minute(service.times) <= rpm
    for first in service.times:
        minute = [n for n, time in enumerate(service.times) if first <= time < first + 60.0]
        assert sum(tokens[n] for n in minute) <= 2000


def test_tokens_are_settled_by_what_was_counted():
    service = _Service([1.0])

    async def main():
        pacer = Pacer(None, 1, tpm=1000)
        for _ in range(6):  # 500 reserved, 100 counted: all have room in one minute, else two
            await pacer.run(service.answer, _as_scripted, 500, lambda _: 100)

    run_fast(main())
    assert service.lasted < 10


def test_the_tokens_of_a_minute_are_used():
    service = _Service([0.3])

    async def main():
        asking = asyncio.ensure_future(_ask(Pacer(None, 100, tpm=100_000), service, 2000, tokens=100))
        await asyncio.sleep(90)
        assert len(service.times) == 2000, "two minutes' worth within the first and the beginning of the second"
        await asking

    run_fast(main())
    assert most_in_window(service.times, 60.0) == 1000


def test_a_request_larger_than_a_minutes_tokens_goes_alone():
    service = _Service([0.3])

    async def main():
        pacer = Pacer(None, 10, tpm=1000)
        await asyncio.gather(
            *(pacer.run(lambda n=n: service.answer(n), _as_scripted, n) for n in (100, 5000, 100, 900, 1))
        )

    run_fast(main())
    assert service.sent == [100, 5000, 100, 900, 1]
    gaps = [later - earlier for earlier, later in pairwise(service.times)]
    assert [gap > 60 for gap in gaps] == [True, True, False, True]


@pytest.mark.parametrize("rpm", [1, 60])
def test_stopping_wakes_those_who_wait_for_a_place_at_once(rpm):
    service = _Service()

    async def main():
        pacer = Pacer(rpm, 10)
        asked = [asyncio.ensure_future(_ask(pacer, service, 1)) for _ in range(50)]
        await asyncio.sleep(0.5)
        stopped = asyncio.get_running_loop().time()
        pacer.stop(Interrupted("enough"))
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert asyncio.get_running_loop().time() - stopped < 0.01
        return results

    first, *others = run_fast(main())
    assert first == [None] or first is None
    assert len(others) == 49
    assert all(isinstance(one, Interrupted) for one in others)
    assert len(service.times) == 1


def test_stopping_wakes_those_who_wait_for_a_slot_for_tokens_or_before_a_retry():
    async def waiting(pacer, *asked):
        tasks = [asyncio.ensure_future(one) for one in asked]
        await asyncio.sleep(0.5)
        before = asyncio.get_running_loop().time()
        pacer.stop(Interrupted("enough"))
        await asyncio.gather(*tasks[1:], return_exceptions=True)
        assert asyncio.get_running_loop().time() - before < 0.01
        assert [type(task.exception()) for task in tasks[1:]] == [Interrupted] * (len(tasks) - 1)
        tasks[0].cancel()

    async def main():
        slow = _Service([1e6])
        pacer = Pacer(None, 1)
        await waiting(pacer, *(_ask(pacer, slow, 1) for _ in range(3)))
        pacer = Pacer(None, 10, tpm=100)
        await waiting(pacer, *(_ask(pacer, slow, 1, tokens=80) for _ in range(3)))

    run_fast(main())


def test_a_gate_that_raises_ends_the_run():
    service, passed = _Service([1.0]), []

    def gate():
        passed.append(1)
        if len(passed) == 4:  # once is enough, even if it would let others pass
            raise Interrupted("the day is over")

    async def main():
        pacer = Pacer(600, 10, gate=gate)
        asked = [asyncio.ensure_future(_ask(pacer, service, 1)) for _ in range(8)]
        results = await asyncio.gather(*asked, return_exceptions=True)
        with pytest.raises(Interrupted, match="the day is over"):
            await _ask(pacer, service, 1)
        return results, pacer.sent

    results, sent = run_fast(main())
    assert [isinstance(one, Interrupted) for one in results] == [False] * 3 + [True] * 5
    assert (sent, len(service.times)) == (3, 3)


def test_refusals_for_load_lower_the_limit_and_answers_raise_it_again():
    refusals = [SeenFault("rate_limited", "", True)] * 3

    async def main():
        pacer = Pacer(None, 40)
        begin = pacer.limit
        service = _Service([0.3], refusals)
        await _ask(pacer, service, 16)
        fallen = pacer.limit
        await _ask(pacer, _Service([0.3]), 2000)
        return begin, fallen, pacer.limit

    begin, fallen, now = run_fast(main())
    assert fallen < begin <= now


def test_a_service_that_asks_for_a_very_long_pause_is_left_alone():
    service = _Service([0.1], [SeenFault("rate_limited", "", True, wait_s=3600.0)])

    async def main():
        with pytest.raises(Interrupted, match="60 minutes"):
            await _ask(Pacer(None, 1), service, 3)
        return asyncio.get_running_loop().time()

    assert run_fast(main()) < 1010
    assert len(service.times) == 1


def test_refusals_are_outwaited_longer_than_errors():
    async def tried(kind):
        service = _Service([0.01], [SeenFault(kind, "", True)] * 100)
        with pytest.raises(CallError, match=kind):
            await _ask(Pacer(None, 1, attempts=3), service, 1)
        return len(service.times)

    async def main():
        return await tried("server_error"), await tried("rate_limited")

    errors, refusals = run_fast(main())
    assert errors == 3
    assert refusals > errors


def test_an_earlier_runs_last_minute_counts():
    async def main():
        service = _Service([0.1])
        begun = asyncio.get_running_loop().time()
        await _ask(Pacer(4, 8, recent=[(50.0, 0), (2.0, 0)]), service, 3)
        return [time - begun for time in service.times]

    first, second, _third = run_fast(main())
    assert first == pytest.approx(15.15 - 2.0, abs=0.1)  # as far from the last one as any two are
    assert second - first == pytest.approx(15.15, rel=0.1)


def test_an_earlier_runs_tokens_count():
    async def main():
        service = _Service([0.1])
        begun = asyncio.get_running_loop().time()
        pacer = Pacer(None, 8, tpm=1000, recent=[(30.0, 900)])
        await pacer.run(service.answer, _retry, tokens=200)
        return service.times[0] - begun

    assert run_fast(main()) == pytest.approx(30.6, abs=0.1)


def test_a_request_larger_than_the_minute_goes_alone_and_is_told(caplog):
    async def main():
        service = _Service([0.1])
        pacer = Pacer(None, 8, tpm=1000)
        asked = [pacer.run(service.answer, _retry, tokens=tokens) for tokens in (500, 5000, 500)]
        await asyncio.gather(*asked)
        return service.times

    first, second, third = run_fast(main())
    assert second - first == pytest.approx(60.6, abs=0.1) and third - second == pytest.approx(60.6, abs=0.1)
    assert "larger than the 1000 a minute" in caplog.text
