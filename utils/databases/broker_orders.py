"""Who orders what and when in the broker database: skewed activity, and orders on every edge that dates have."""

from __future__ import annotations

import bisect
import random
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from typing import NamedTuple

from utils.databases.broker_lists import Listing
from utils.databases.broker_market import FIRST_DAY, LAST_DAY, Ticker
from utils.databases.broker_people import Customer

NOW = datetime(2023, 12, 15, 14, 30)
TARGET = 25_600
NEVER_TRADED, TRADED_LITTLE, TRADED_FIVE_TIMES = 20, 24, 7
FIRST_MONTH_TRADES = 61  # of the customer who traded most in the month of joining
RALLY = (("UBER", 36), ("KO", 29))  # bought often in the last ten days only, so neither leads over all
WORTHLESS = ("BBBY", 6)  # sold for nothing in the last month: a margin on its sales divides by zero
QUARTER_EDGES = tuple(
    datetime.fromisoformat(text) for text in ("2023-01-01 00:00:00", "2023-03-31 00:00:00", "2023-03-31 23:59:59")
)
EDGE_MOMENTS = tuple(
    datetime.fromisoformat(text)
    for text in (
        # ends of a year, a quarter and the first days of April
        *("2022-12-31 23:59:59", "2023-01-01 00:00:00", "2023-03-31 00:00:00", "2023-03-31 23:59:59"),
        *("2023-04-01 00:00:00", "2023-04-04 23:59:59", "2023-04-05 00:00:00"),
        # 30 days (and one month), 10 days and 7 days before now: by date, by time of day, and the day before
        *("2023-11-14 00:00:00", "2023-11-14 23:59:59", "2023-11-15 00:00:00", "2023-11-15 14:30:00"),
        *("2023-12-04 00:00:00", "2023-12-04 23:59:59", "2023-12-05 00:00:00", "2023-12-05 14:30:00"),
        *("2023-12-07 00:00:00", "2023-12-07 23:59:59", "2023-12-08 00:00:00", "2023-12-08 14:30:00"),
        # the current month, today, and now itself
        *("2023-11-30 23:59:59", "2023-12-01 00:00:00", "2023-12-15 00:00:00", "2023-12-15 14:30:00"),
    )
)


class Order(NamedTuple):
    """What a customer wants: which ticker, when, buy or sell."""

    customer: Customer
    ticker_id: str
    moment: datetime
    type: str


class _Trader(NamedTuple):
    """How one customer trades: how often, in which tickers, and how much of it is buying."""

    customer: Customer
    trades: int
    tickers: list[str]
    buy_share: float
    month_of_joining: int  # trades placed in the month of joining, whatever chance gives besides


def _weeks() -> Iterator[datetime]:
    """The first and last moments of each of the last ten weeks, and of the Sundays that end them."""
    monday = datetime(2023, 12, 11)
    for week in range(10):
        start = monday - timedelta(weeks=week)
        yield from (start, start - timedelta(seconds=1), start - timedelta(days=1), start - timedelta(days=2))


def make_orders(
    customers: list[Customer], tickers: dict[str, tuple[Ticker, Listing]], rng: random.Random
) -> list[Order]:
    """All orders, in no order of time."""
    calendar = _Calendar()
    market = _Market(tickers, rng)
    traders = _make_traders(customers, tickers, calendar, rng)
    orders = [order for trader in traders for order in _orders(trader, calendar, market)]
    orders += _edge_orders(traders, market)
    orders += _rally_orders(traders, calendar, market)
    rng.shuffle(orders)
    return orders


class _Calendar:
    """Days to trade on: fewer trades on weekends, slightly more towards the end."""

    def __init__(self) -> None:
        self._days = [FIRST_DAY + timedelta(days=n) for n in range((LAST_DAY - FIRST_DAY).days + 1)]
        weights = [
            (0.35 if day.weekday() >= 5 else 1.0) * (1 + 0.6 * position / len(self._days))
            for position, day in enumerate(self._days)
        ]
        self._sums = [0.0, *accumulate(weights)]

    def _position(self, day: date) -> int:
        return max(0, (day - FIRST_DAY).days)

    def share_since(self, day: date) -> float:
        """Which part of all trading falls on `day` or later."""
        return 1 - self._sums[self._position(day)] / self._sums[-1]

    def moment(self, rng: random.Random, first: date, last: date = LAST_DAY) -> datetime:
        """A random moment from `first` to `last` (inclusive), not after now."""
        low, high = self._sums[self._position(first)], self._sums[self._position(last) + 1]
        day = self._days[min(bisect.bisect_right(self._sums, low + rng.random() * (high - low)), len(self._days)) - 1]
        opening, closing = (0, 86_400) if rng.random() < 0.06 else (9 * 3600, 17 * 3600)
        if day == NOW.date():
            closing = NOW.hour * 3600
        return datetime.combine(day, time()) + timedelta(seconds=rng.randrange(opening, closing))


class _Market:
    """Which tickers can be traded when."""

    def __init__(self, tickers: dict[str, tuple[Ticker, Listing]], rng: random.Random) -> None:
        self.rng = rng
        self._tickers = tickers
        self._traded = [ticker_id for ticker_id, (_, listing) in tickers.items() if listing.popularity]

    def id_of(self, symbol: str) -> str:
        """The first ticker with this symbol."""
        return next(ticker_id for ticker_id, (ticker, _) in self._tickers.items() if ticker.symbol == symbol)

    def is_stock(self, ticker_id: str) -> bool:
        return self._tickers[ticker_id][0].type == "stock"

    def pick(self, favourites: list[str], day: date, stocks_only: bool = False) -> str:
        """One of `favourites` that is listed on `day`; any ticker where there is none."""
        for choice in (favourites, self._traded):
            listed = [one for one in choice if self._is_listed(one, day) and (not stocks_only or self.is_stock(one))]
            if listed:
                return self.rng.choice(listed)
        raise ValueError(f"no ticker is listed on {day}")

    def _is_listed(self, ticker_id: str, day: date) -> bool:
        listing = self._tickers[ticker_id][1]
        return (listing.first_day or "") <= day.isoformat() <= (listing.last_day or "9999")


def _make_traders(
    customers: list[Customer], tickers: dict[str, tuple[Ticker, Listing]], calendar: _Calendar, rng: random.Random
) -> list[_Trader]:
    traded = [ticker_id for ticker_id, (_, listing) in tickers.items() if listing.popularity]
    popularity = [tickers[ticker_id][1].popularity for ticker_id in traded]
    early = [one for one in customers if one.join_date[8:] < "10" and "2023-02" <= one.join_date < "2023-12"]
    champion = next((one for one in early if one.join_date < "2023-04"), early[0])
    order = [one for one in customers if one is not champion]
    rng.shuffle(order)
    stateless = [one for one in order if one.state is None]
    # most customers without a state trade little, so that a ranking of states is not led by null
    order.sort(key=lambda one: one in stateless[6:])
    order = order[NEVER_TRADED:]
    counts = [rng.randint(1, 4) for _ in range(TRADED_LITTLE)] + [5] * TRADED_FIVE_TIMES
    light, heavy = order[-len(counts) :], [champion, *order[: -len(counts)]]
    weights = [rng.lognormvariate(0, 0.9) * calendar.share_since(date.fromisoformat(one.join_date)) for one in heavy]
    counts += [max(6, round(TARGET * weight / sum(weights))) for weight in weights]
    traders = []
    for customer, count in zip([*light, *heavy], counts, strict=True):
        favourites = sorted(set(rng.choices(traded, popularity, k=rng.randint(5, 18))))
        buy_share = 0.0 if rng.random() < 0.05 else 1.0 if rng.random() < 0.05 else rng.uniform(0.35, 0.8)
        extra = FIRST_MONTH_TRADES if customer is champion else 0
        traders.append(_Trader(customer, count, favourites, buy_share, extra))
    return traders


def _orders(trader: _Trader, calendar: _Calendar, market: _Market) -> Iterator[Order]:
    joined = date.fromisoformat(trader.customer.join_date)
    for number in range(trader.trades + trader.month_of_joining):
        last = LAST_DAY if number < trader.trades else joined.replace(day=28)
        moment = calendar.moment(market.rng, max(joined, FIRST_DAY), last)
        kind = "buy" if market.rng.random() < trader.buy_share else "sell"
        yield Order(trader.customer, market.pick(trader.tickers, moment.date()), moment, kind)


def _edge_orders(traders: list[_Trader], market: _Market) -> Iterator[Order]:
    """Two to four orders at each moment that an off-by-one comparison would miss or add."""
    rng = market.rng
    for moment in (*EDGE_MOMENTS, *_weeks()):
        day = moment.date()
        members = [one for one in traders if one.trades > 5 and one.customer.join_date <= day.isoformat()]
        american = rng.choice([one for one in members if one.customer.country == "USA"])
        ticker_id = market.pick(american.tickers, day, stocks_only=True)
        yield Order(american.customer, ticker_id, moment, rng.choice(("buy", "sell")))
        for trader in rng.sample(members, rng.randint(1, 3)):
            yield Order(trader.customer, market.pick(trader.tickers, day), moment, rng.choice(("buy", "sell")))
    quiet = [one for one in traders if one.trades <= 4 and one.customer.join_date < "2022-12"]
    for number, trader in enumerate(quiet[:12]):
        moment, kind = QUARTER_EDGES[number % 3], ("buy", "sell")[number // 3 % 2]
        yield Order(trader.customer, market.pick(trader.tickers, moment.date()), moment, kind)


def _rally_orders(traders: list[_Trader], calendar: _Calendar, market: _Market) -> Iterator[Order]:
    """What only the last days show: two stocks in demand, and a worthless one thrown out."""
    members = [one for one in traders if one.trades > 5 and one.customer.join_date < "2023-11"]
    for symbols, kind, days in ((RALLY, "buy", 9), ((WORTHLESS,), "sell", 28)):
        for symbol, count in symbols:
            for _ in range(count):
                moment = calendar.moment(market.rng, LAST_DAY - timedelta(days=days))
                yield Order(market.rng.choice(members).customer, market.id_of(symbol), moment, kind)
