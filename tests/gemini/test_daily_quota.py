import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gemini.support import call, engine_on, put
from tests.loopback.gemini_server import Fault, LoopbackGemini
from utils.core.console import Exhausted
from utils.gemini import quota_day
from utils.gemini.ledger import Ledger
from utils.gemini.quota_day import DailyLimit, come_back, day_began, next_day

ZONE = ZoneInfo("America/Los_Angeles")


def _utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def at(monkeypatch):
    """Sets what time it is."""

    class Clock(datetime):
        moment = _utc("2026-06-15 12:00")

        @classmethod
        def now(cls, tz=None):
            return cls.moment.astimezone(tz)

    monkeypatch.setattr(quota_day, "datetime", Clock)

    def set_time(text):
        Clock.moment = _utc(text)

    return set_time


@pytest.mark.parametrize(
    ("now", "began", "ends"),
    [
        ("2026-01-15 12:00", "2026-01-15 08:00", "2026-01-16 08:00"),  # winter: eight hours behind
        ("2026-07-15 12:00", "2026-07-15 07:00", "2026-07-16 07:00"),  # summer: seven
        ("2026-07-15 06:59", "2026-07-14 07:00", "2026-07-15 07:00"),
        ("2026-07-15 07:00", "2026-07-15 07:00", "2026-07-16 07:00"),
        ("2026-03-08 12:00", "2026-03-08 08:00", "2026-03-09 07:00"),  # a day of 23 hours
        ("2026-03-09 06:59", "2026-03-08 08:00", "2026-03-09 07:00"),
        ("2026-11-01 12:00", "2026-11-01 07:00", "2026-11-02 08:00"),  # a day of 25 hours
        ("2026-11-02 07:30", "2026-11-01 07:00", "2026-11-02 08:00"),
        ("2026-12-31 23:00", "2026-12-31 08:00", "2027-01-01 08:00"),
    ],
)
def test_days_begin_at_midnight_in_los_angeles(now, began, ends):
    assert (day_began(_utc(now)), next_day(_utc(now))) == (_utc(began), _utc(ends))
    assert come_back(_utc(now)) == f"run the same command again after {ends} UTC"


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)))
def test_every_moment_is_in_one_day(now):
    began, ends = day_began(now), next_day(now)
    assert began <= now < ends
    assert timedelta(hours=23) <= ends - began <= timedelta(hours=25)
    assert day_began(ends) == ends
    assert next_day(began) == ends
    assert began.astimezone(ZONE).time() == datetime.min.time()


def test_so_many_requests_a_day_and_no_more(at):
    limit = DailyLimit(3, lambda moment: 0)
    for _ in range(3):
        limit.take()
    for _ in range(2):
        with pytest.raises(
            Exhausted, match=r"today's 3 requests \(--rpd\) are spent; run .* after 2026-06-16 07:00 UTC"
        ):
            limit.take()


def test_those_of_earlier_runs_count(at):
    asked = []

    def sent_since(moment):
        asked.append(moment)
        return 2

    limit = DailyLimit(3, sent_since)
    limit.take()
    with pytest.raises(Exhausted):
        limit.take()
    assert asked == [_utc("2026-06-15 07:00")]


def test_a_new_day_begins_anew_with_what_others_have_sent_in_it(at):
    limit = DailyLimit(3, lambda moment: {_utc("2026-06-15 07:00"): 3, _utc("2026-06-16 07:00"): 1}[moment])
    at("2026-06-16 06:59")
    with pytest.raises(Exhausted):
        limit.take()
    at("2026-06-16 07:00")
    limit.take()
    at("2026-06-16 23:00")
    limit.take()
    with pytest.raises(Exhausted, match="after 2026-06-17 07:00 UTC"):
        limit.take()


def test_a_ledgers_calls_of_today_count_and_those_of_yesterday_do_not(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    put(ledger, "a", call(), "x")
    ledger.failed(ledger.sent("b", call("b"), 0, "loopback"), "server_error: HTTP 500")
    ledger.sent("c", call("c"), 0, "loopback")
    yesterday = put(ledger, "d", call("d"), "x")
    put(ledger, "e", call("e", model="gemini-other"), "x")
    before = day_began(datetime.now(UTC)) - timedelta(milliseconds=1)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        connection.execute(
            "update calls set created_at = ? where id = ?", (before.isoformat(timespec="milliseconds"), yesterday)
        )
    limit = DailyLimit(4, lambda moment: ledger.sent_since(moment, "loopback", "gemini-test"))
    limit.take()
    with pytest.raises(Exhausted):
        limit.take()


def _ask(server, folder, questions, **options):
    async def ask():
        async with engine_on(server, folder, **options) as engine:
            asked = (engine.ask(call(question)) for question in questions)
            return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(ask())


def test_runs_share_the_day_and_retries_count(tmp_path):
    with LoopbackGemini(default="fine", faults=[Fault("status", status=503)] * 2) as server:
        first = _ask(server, tmp_path, "abc", rpd=6)
        assert [reply.text for reply in first] == ["fine"] * 3
        assert len(server.requests) == 5
        second = _ask(server, tmp_path, "defg", rpd=6)
        assert len(server.requests) == 6
        third = _ask(server, tmp_path, "abcdh", rpd=6)
        assert len(server.requests) == 6
    assert [type(reply).__name__ for reply in second] == ["Reply"] + ["Exhausted"] * 3
    assert [type(reply).__name__ for reply in third] == ["Reply"] * 4 + ["Exhausted"]  # what is kept costs no request


def test_the_servers_own_daily_quota_is_never_met(tmp_path):
    with LoopbackGemini(default="fine", rpd=10) as server:
        _ask(server, tmp_path, "abcdefg", rpd=10)
        _ask(server, tmp_path, "hijklmn", rpd=10)
        assert (len(server.requests), server.refused) == (10, {})
