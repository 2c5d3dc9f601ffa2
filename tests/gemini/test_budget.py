import asyncio
import sqlite3
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gemini.fast_time import run_fast
from tests.gemini.support import call, engine_on
from tests.loopback.gemini_server import Fault, LoopbackGemini
from tests.loopback.scripted_model import Answer, prompt_tokens, tokens
from utils.core.console import Exhausted, UserError
from utils.gemini.budget import Budget, SetAside
from utils.gemini.prices import Prices

SLACK = 1e-8


def test_what_is_spent_and_set_aside_stays_below_the_cap():
    async def main():
        budget = Budget(1.0)
        await budget.reserve(0.6)
        budget.settle(0.6, 0.5)
        await budget.reserve(0.5)
        budget.settle(0.5, 0.5)
        with pytest.raises(
            Exhausted, match=r"\$1\.0000 of \$1\.0000, and the next call may cost \$0\.0100; .*--max-cost-usd"
        ):
            await budget.reserve(0.01)
        assert budget.spent_usd == 1.0

    run_fast(main())


def test_without_a_cap_everything_is_counted_and_nothing_refused():
    async def main():
        budget = Budget()
        for _ in range(5):
            await budget.reserve(1e9)
        budget.doubt(1e9)
        budget.settle(1e9, 5.0)
        assert (budget.spent_usd, budget.doubtful_usd) == (5.0, 1e9)

    run_fast(main())


def test_a_cap_of_nothing_allows_what_costs_nothing():
    async def main():
        budget = Budget(0.0)
        await budget.reserve(0.0)
        budget.settle(0.0, 0.0)
        with pytest.raises(Exhausted):
            await budget.reserve(0.001)

    run_fast(main())


def test_while_others_may_leave_room_one_waits_for_them():
    async def main():
        budget = Budget(1.0)
        for _ in range(2):
            await budget.reserve(0.5)
        waiting = [asyncio.ensure_future(budget.reserve(0.5)) for _ in range(2)]
        await asyncio.sleep(1)
        assert not any(one.done() for one in waiting)
        budget.settle(0.5, 0.01)
        await asyncio.sleep(1)
        assert not any(one.done() for one in waiting)  # 0.49 is not enough
        budget.settle(0.5, 0.01)
        await asyncio.sleep(1)
        assert [one.done() for one in waiting] == [True, False]  # in the order asked for
        budget.settle(0.5, 0.45)
        await asyncio.sleep(1)
        assert waiting[1].done()
        assert waiting[1].exception() is None

    run_fast(main())


def test_when_nobody_is_left_to_wait_for_all_are_told():
    async def main():
        budget = Budget(1.0)
        await budget.reserve(0.9)
        waiting = [asyncio.ensure_future(budget.reserve(most)) for most in (0.5, 0.5, 0.01)]
        await asyncio.sleep(1)
        budget.settle(0.9, 0.8)
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [Exhausted] * 3  # the run is over, small calls or not

    run_fast(main())


def test_one_who_gives_up_waiting_holds_nobody_up():
    async def main():
        budget = Budget(1.0)
        await budget.reserve(1.0)
        waiting = [asyncio.ensure_future(budget.reserve(0.5)) for _ in range(2)]
        await asyncio.sleep(1)
        waiting[0].cancel()
        budget.settle(1.0, 0.1)
        await asyncio.wait_for(waiting[1], 1)
        assert waiting[0].cancelled()

    run_fast(main())


@given(st.lists(st.floats(0.001, 0.3), min_size=1, max_size=30))
def test_rounding_leaves_nothing_behind_that_somebody_would_wait_for(amounts):
    async def main():
        budget = Budget(1.0)
        for most in amounts:
            if budget.try_reserve(most):
                budget.settle(most, 0.0)
        taken = [most for most in amounts if budget.try_reserve(most)]
        for most in reversed(taken):
            budget.settle(most, 0.0)
        with pytest.raises(Exhausted):
            await budget.reserve(2.0)  # a deadlock is a RuntimeError on this loop

    run_fast(main())


def test_lost_answers_are_told_in_the_message():
    async def main():
        budget = Budget(1.0)
        await budget.reserve(0.5)
        budget.doubt(0.5)
        await budget.reserve(0.5)  # the other half is room for another try
        budget.doubt(0.5)
        with pytest.raises(Exhausted, match=r"\$0\.0000 and perhaps \$1\.0000 for lost answers of \$1\.0000"):
            await budget.reserve(0.5)

    run_fast(main())


@dataclass
class _Watched:
    """A budget, and what an observer of the service knows."""

    cap: float
    charged: float = 0.0
    in_flight: float = 0.0
    aside: float = 0.0
    refused: list[float] = field(default_factory=list)  # room left each time the run was ended

    def __post_init__(self):
        self.budget = Budget(self.cap)

    def look(self):
        known = self.budget.spent_usd + self.budget.doubtful_usd
        assert known + self.in_flight <= self.cap + SLACK, "what is in flight may cost too much"
        assert self.charged <= self.cap + SLACK
        assert known + self.aside <= self.cap + SLACK

    async def call(self, begins, most, tries):
        """One call as it is bought: set aside, try until answered, settle."""
        await asyncio.sleep(begins)
        cost, held, mine = 0.0, 0.0, SetAside(self.budget, most)
        try:
            for outcome, waits, takes, share in tries:
                await mine.take()
                self.aside += most - held
                held = most
                self.look()
                await asyncio.sleep(waits)
                self.in_flight += most
                self.look()
                await asyncio.sleep(takes)
                self.in_flight -= most
                if outcome == "lost":
                    self.charged += share * most
                    mine.doubt()
                    self.aside -= held
                    held = 0.0
                elif outcome == "answered":
                    cost = share * most
                    self.charged += cost
                    return
                self.look()
        except Exhausted:
            self.refused.append(self.cap - self.budget.spent_usd - self.budget.doubtful_usd - most)
            assert self.aside == pytest.approx(0, abs=1e-6), "others were still under way"
        finally:
            self.aside -= held
            mine.settle(cost)
            self.look()


TRY = st.tuples(st.sampled_from(["answered", "failed", "lost"]), st.floats(0, 3), st.floats(0, 3), st.floats(0, 1))
CALLS = st.tuples(st.floats(0, 10), st.floats(0.01, 0.6), st.lists(TRY, min_size=1, max_size=4))


@settings(deadline=None)
@given(st.lists(CALLS, max_size=25))
def test_whatever_the_order_the_cap_holds_and_the_run_ends_only_when_there_is_no_room(calls):
    watched = _Watched(cap=1.0)

    async def main():
        await asyncio.gather(*(watched.call(*one) for one in calls))

    run_fast(main())
    assert all(room < SLACK for room in watched.refused[:1])  # the first refusal closes the budget


PRICES = """
[models."gemini-test"]
input = 1000.0
output = 4000.0
cached = 250.0
"""


@pytest.fixture
def prices(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text(PRICES)
    return Prices(path)


def _cost(used):
    fresh = used.prompt - used.cached
    return (1000.0 * fresh + 250.0 * used.cached + 4000.0 * (used.output + used.thoughts)) / 1e6


def _answer(prompt):
    """Long and short ones, with some thinking, some of the prompt from a cache; never more than 100 tokens."""
    size = int(prompt.body_hash[:4], 16)
    return Answer(
        text="x" * (size % 120 + 1), thoughts_tokens=size % 50, cached_tokens=size % (prompt_tokens(prompt) + 1)
    )


def _buy(server, folder, prices, cap, count=60, **options):
    async def buy():
        async with engine_on(server, folder, max_cost_usd=cap, prices=prices, **options) as engine:
            calls = [call(f"How many clerks are in shop {n}?", max_output_tokens=100) for n in range(count)]
            async with asyncio.timeout(30):  # who waits for a reservation that nobody gives back waits forever
                results = await asyncio.gather(*(engine.ask(one) for one in calls), return_exceptions=True)
            return results, engine.account, engine.account.most_usd(calls[0])

    return asyncio.run(buy())


def _in_ledger(folder):
    with sqlite3.connect(folder / "ledger.sqlite") as connection:
        return connection.execute("select sum(cost_usd), sum(prompt_tokens) from calls").fetchone()


def test_a_capped_run_spends_up_to_its_cap_and_the_ledger_has_every_token(tmp_path, prices):
    cap = 5.0
    with LoopbackGemini(_answer, delay_s=0.005) as server:
        results, account, most = _buy(server, tmp_path, prices, cap)
        used = server.usage
    exhausted = [one for one in results if isinstance(one, Exhausted)]
    assert 0 < len(exhausted) < len(results)
    assert len(exhausted) + used.answers == len(results)
    assert cap - most - SLACK <= _cost(used) <= cap  # to the last call that still had room
    cost, prompt = _in_ledger(tmp_path)
    assert cost == pytest.approx(_cost(used), abs=1e-9)
    assert account.budget.spent_usd == pytest.approx(_cost(used), abs=1e-9)
    assert prompt == used.prompt
    assert account.counts.usage.thoughts == used.thoughts > 0
    assert used.cached > 0


def test_a_run_without_a_cap_counts_what_it_spends(tmp_path, prices):
    with LoopbackGemini(_answer) as server:
        results, account, _most = _buy(server, tmp_path, prices, None, count=20)
        used = server.usage
    assert len(results) == used.answers == 20
    assert _in_ledger(tmp_path)[0] == pytest.approx(_cost(used), abs=1e-9)
    assert account.spent() == f"${_cost(used):.4f}"


def test_errors_cost_nothing(tmp_path, prices):
    with LoopbackGemini(_answer, faults=[Fault("status", status=503)] * 10) as server:
        _results, account, most = _buy(server, tmp_path, prices, 5.0, attempts=20)
        used = server.usage
    assert 5.0 - most <= _cost(used) <= 5.0
    assert account.budget.doubtful_usd == 0


def test_answers_that_were_lost_may_have_been_charged_and_the_cap_holds_even_then(tmp_path, prices):
    charged = []

    def answer(prompt):  # called for every answer that is made, whether it arrives or not
        given = _answer(prompt)
        fresh = prompt_tokens(prompt) - given.cached_tokens
        of_input = 1000.0 * fresh + 250.0 * given.cached_tokens
        charged.append((of_input + 4000.0 * (tokens(given.text) + given.thoughts_tokens)) / 1e6)
        return given

    faults = [Fault("cut"), Fault("none"), Fault("slow", seconds=0.6), Fault("none"), Fault("html"), Fault("drop")]
    with LoopbackGemini(answer, faults=faults) as server:
        results, account, most = _buy(server, tmp_path, prices, 6.0, timeout_s=0.3, concurrency=3)
        used = server.usage
    assert any(isinstance(one, Exhausted) for one in results)
    assert account.budget.doubtful_usd == pytest.approx(4 * most)
    assert sum(charged) <= 6.0
    assert _in_ledger(tmp_path)[0] == pytest.approx(account.budget.spent_usd, abs=1e-9)
    assert _cost(used) <= 6.0


def test_the_cap_holds_when_all_answers_are_lost_and_all_were_charged(tmp_path, prices):
    made = []

    def answer(prompt):
        made.append(prompt_tokens(prompt) / 1000 + 4 * 0.1)
        return Answer(text="x" * 400)

    with LoopbackGemini(answer, faults=[Fault("cut")] * 1000) as server:
        results, account, _most = _buy(server, tmp_path, prices, 2.0, attempts=5)
    assert any(isinstance(one, Exhausted) for one in results)
    assert 1.2 < sum(made) <= 2.0
    assert account.budget.spent_usd == 0


def test_a_lost_answer_does_not_end_the_run_while_there_is_room(tmp_path, prices):
    with LoopbackGemini(_answer, faults=[Fault("drop")], delay_s=0.02) as server:
        _results, account, most = _buy(server, tmp_path, prices, 6.0)
        used = server.usage
    assert account.budget.doubtful_usd == pytest.approx(most)
    assert 6.0 - 2 * most - SLACK <= _cost(used) <= 6.0 - most


@pytest.mark.parametrize("reason", ["absent", "zero", "negative"])
def test_answers_without_a_count_are_estimated(tmp_path, prices, reason):
    with LoopbackGemini(_answer, faults=[Fault("usage", reason=reason)] * 1000) as server:
        results, account, _most = _buy(server, tmp_path, prices, 5.0)
    assert any(isinstance(one, Exhausted) for one in results)
    answered = [one for one in results if not isinstance(one, Exhausted)]
    assert account.budget.spent_usd > 0.02 * len(answered)
    assert account.budget.spent_usd <= 5.0


def test_what_is_in_the_ledger_costs_nothing_again(tmp_path, prices):
    with LoopbackGemini(_answer) as server:
        _buy(server, tmp_path, prices, None, count=10)
        results, account, _most = _buy(server, tmp_path, prices, 0.0, count=10)
        assert len(server.requests) == 10
    assert all(one.from_ledger for one in results)
    assert account.budget.spent_usd == 0


def test_a_cap_on_a_model_without_a_price_is_told_before_anything_is_sent(tmp_path):
    with LoopbackGemini() as server:
        with pytest.raises(UserError, match="no price is known for gemini-test, so --max-cost-usd cannot be kept"):
            engine_on(server, tmp_path, max_cost_usd=1.0)
        assert not server.requests


def test_asks_that_are_cancelled_give_their_reservation_back(tmp_path, prices):
    async def main(server):
        async with engine_on(server, tmp_path, max_cost_usd=5.0, prices=prices, concurrency=2, rpm=60) as engine:
            calls = [call(f"How many clerks are in shop {n}?", max_output_tokens=100) for n in range(4)]
            asked = [asyncio.ensure_future(engine.ask(one)) for one in calls]  # one is sent, the others wait
            await asyncio.sleep(0.2)
            for one in asked:
                one.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
            budget, most = engine.account.budget, engine.account.most_usd(calls[0])
            assert (budget.spent_usd, budget.doubtful_usd) == (0, pytest.approx(most))
            assert budget.try_reserve(5.0 - most), "nothing else is set aside"

    with LoopbackGemini(_answer, delay_s=5.0) as server:
        asyncio.run(main(server))
        assert len(server.requests) == 1
