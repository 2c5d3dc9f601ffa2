import asyncio
from itertools import pairwise

import pytest

from tests.gemini.support import call, engine_on
from tests.loopback.gemini_server import Fault, LoopbackGemini
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
    assert min(gaps) > 0.05, gaps  # 0.1 s asked for, less what a busy machine jitters
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
