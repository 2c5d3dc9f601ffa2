"""Days as Google's daily quotas have them: from midnight to midnight in Los Angeles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from utils.core.console import Exhausted

_ZONE = ZoneInfo("America/Los_Angeles")


def day_began(now: datetime) -> datetime:
    """When the quota day of `now` began, in UTC."""
    return _midnight(now, 0)


def next_day(now: datetime) -> datetime:
    """When daily quotas start anew after `now`, in UTC."""
    return _midnight(now, 1)


def come_back(now: datetime) -> str:
    """When to run again after a daily quota was spent, in words."""
    return f"run the same command again after {next_day(now):%Y-%m-%d %H:%M} UTC"


class DailyLimit:
    """At most `per_day` requests a quota day, those of earlier runs counted by `sent_since`."""

    def __init__(self, per_day: int, sent_since: Callable[[datetime], int]) -> None:
        self._per_day = per_day
        self._sent_since = sent_since
        self._day = day_began(datetime.now(UTC))
        self._sent = sent_since(self._day)

    def take(self) -> None:
        """Count one request; raises Exhausted when the day has none left."""
        now = datetime.now(UTC)
        if (today := day_began(now)) != self._day:
            self._day, self._sent = today, self._sent_since(today)
        if self._sent >= self._per_day:
            raise Exhausted(f"today's {self._per_day:,} requests (--rpd) are spent; {come_back(now)}")
        self._sent += 1


def _midnight(now: datetime, days: int) -> datetime:
    day = now.astimezone(_ZONE).date() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, tzinfo=_ZONE).astimezone(UTC)
