"""Tickers and daily prices of the broker database."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from utils.databases.broker_lists import LISTINGS, Listing

FIRST_DAY = date(2021, 12, 16)
LAST_DAY = date(2023, 12, 15)
EXCHANGE_CODES = {"NASDAQ": "NQ", "NYSE": "NY", "NYSE Arca": "NX", "Vanguard": "VG"}
PRICE_SOURCES = {"NASDAQ": "NASDAQ", "NYSE": "NYSE", "NYSE Arca": "NYSE", "Vanguard": "Vanguard"}
DAILY_SWING = {"stock": 0.017, "etf": 0.009, "mutual fund": 0.007}
GAP_SHARE = 0.012  # of a ticker's days have no record ...
NO_GAPS = (date(2023, 3, 31), date(2023, 4, 5))  # ... but none of these, inclusive
UNPRICED_CLOSE = 0.0  # what a share in a delisted company is worth


class Ticker(NamedTuple):
    """One row of sbTicker."""

    id: str
    symbol: str
    name: str
    type: str
    exchange: str
    currency: str
    db2x: str | None
    is_active: bool


class DailyPrice(NamedTuple):
    """One row of sbDailyPrice."""

    ticker_id: str
    date: str
    open: float
    high: float
    low: float
    close: float
    volume: int
    epoch_ms: int
    source: str | None


def make_tickers(rng: random.Random) -> dict[str, tuple[Ticker, Listing]]:
    """Tickers by id, with the listing each was made from; ids in random order."""
    listings = list(LISTINGS)
    rng.shuffle(listings)
    tickers = {}
    for number, listing in enumerate(listings, start=1):
        ticker = Ticker(
            id=f"T{number:03d}",
            symbol=listing.symbol,
            name=listing.name,
            type=listing.type,
            exchange=listing.exchange,
            currency=listing.currency,
            db2x=None if rng.random() < 0.06 else EXCHANGE_CODES[listing.exchange],
            is_active=listing.last_day is None,
        )
        tickers[ticker.id] = (ticker, listing)
    return tickers


def make_prices(tickers: dict[str, tuple[Ticker, Listing]], rng: random.Random) -> list[DailyPrice]:
    """A random walk a ticker, one record a calendar day, weekends included, with a few gaps."""
    return [price for ticker, listing in tickers.values() if listing.priced for price in _walk(ticker, listing, rng)]


def _walk(ticker: Ticker, listing: Listing, rng: random.Random) -> list[DailyPrice]:
    swing = 0.0 if listing.price == 1 else DAILY_SWING[listing.type] * rng.uniform(0.7, 1.5)
    day = date.fromisoformat(listing.first_day) if listing.first_day else FIRST_DAY
    last_day = date.fromisoformat(listing.last_day) if listing.last_day else LAST_DAY
    usual_volume = listing.popularity * 1_500_000 + 40_000
    prices = []
    close = listing.price
    while day <= last_day:
        opening = round(close * (1 + rng.gauss(0, swing / 4)), 2)
        close = opening if rng.random() < 0.01 else max(round(opening * (1 + rng.gauss(0.0001, swing)), 2), 0.5)
        high = round(max(opening, close) * (1 + abs(rng.gauss(0, swing / 3))), 2)
        low = round(min(opening, close) * (1 - abs(rng.gauss(0, swing / 3))), 2)
        volume = 0 if listing.type == "mutual fund" else round(usual_volume * rng.lognormvariate(0, 0.4) / 100) * 100
        source = None if rng.random() < 0.015 else PRICE_SOURCES[listing.exchange]
        is_gap = rng.random() < GAP_SHARE and not NO_GAPS[0] <= day <= NO_GAPS[1]
        if not is_gap:
            prices.append(
                DailyPrice(ticker.id, day.isoformat(), opening, high, low, close, volume, _epoch_ms(day), source)
            )
        day += timedelta(days=1)
    return prices


def _epoch_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


class PriceBook:
    """The closing price a ticker is traded around at a moment."""

    def __init__(self, tickers: dict[str, tuple[Ticker, Listing]], prices: list[DailyPrice]) -> None:
        self._tickers = tickers
        self._close = {(price.ticker_id, price.date): price.close for price in prices}

    def close(self, ticker_id: str, day: date) -> float:
        """The last close on or before `day`; 0 after a delisting, the listing's price where none is recorded."""
        listing = self._tickers[ticker_id][1]
        if not listing.priced:
            return listing.price
        if listing.last_day and day.isoformat() > listing.last_day:
            return UNPRICED_CLOSE
        for back in range(10):
            found = self._close.get((ticker_id, (day - timedelta(days=back)).isoformat()))
            if found is not None:
                return found
        return listing.price
