"""Transactions of the broker database: orders with price, number of shares, fees and outcome."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import NamedTuple

from utils.databases.broker_lists import COUNTRIES, Listing
from utils.databases.broker_market import PriceBook, Ticker
from utils.databases.broker_orders import NOW, Order
from utils.databases.broker_people import Customer


class Trade(NamedTuple):
    """One row of sbTransaction."""

    id: str
    customer_id: str
    ticker_id: str
    date_time: str
    type: str
    shares: float
    price: float
    amount: float
    currency: str | None
    tax: float
    commission: float
    kpx: str | None
    settlement: str | None
    status: str


def make_trades(
    orders: list[Order], tickers: dict[str, tuple[Ticker, Listing]], book: PriceBook, rng: random.Random
) -> list[Trade]:
    """One transaction an order; ids follow the list, so they do not tell the time."""
    trades = [_trade(number, order, tickers, book, rng) for number, order in enumerate(orders, start=1)]
    return _with_twin_maximum(trades)


def _trade(
    number: int, order: Order, tickers: dict[str, tuple[Ticker, Listing]], book: PriceBook, rng: random.Random
) -> Trade:
    close = book.close(order.ticker_id, order.moment.date())
    round_lot = rng.random() < 0.08 and close >= 5
    price = float(round(close)) if round_lot else round(close * (1 + rng.gauss(0, 0.003)), 2)
    shares = float(rng.choice((10, 50, 100))) if round_lot else _shares(order, tickers[order.ticker_id][1], price, rng)
    status = rng.choices(("success", "fail", "pending"), (88, 7, 5))[0]
    if status == "fail" and rng.random() < 0.03:
        shares = round(shares * 20, 2)
    amount = round(shares * price, 2)
    if rng.random() < 0.05:
        amount = round(amount * rng.choice((0.98, 0.995, 1.005, 1.02)), 2)
    return Trade(
        id=f"TX{number:06d}",
        customer_id=order.customer.id,
        ticker_id=order.ticker_id,
        date_time=order.moment.isoformat(" "),
        type=order.type,
        shares=shares,
        price=price,
        amount=amount,
        currency=_currency(order.customer, rng),
        tax=0.0 if rng.random() < 0.03 else round(amount * (0.006 if order.type == "sell" else 0.004), 2),
        commission=rng.choices((0.0, 5.0, 9.95, 15.0, 20.0), (6, 30, 34, 20, 10))[0],
        kpx=None if rng.random() < 0.03 else f"KX{rng.randrange(1, 20_000):05d}",
        settlement=_settlement(order.moment, status, rng),
        status=status,
    )


def _shares(order: Order, listing: Listing, price: float, rng: random.Random) -> float:
    worth = rng.lognormvariate(8.3 if order.type == "sell" else 8.0, 0.9)
    shares = worth / max(price, 1.0)
    return max(0.25, round(shares, 2)) if listing.type == "mutual fund" else float(max(1, round(shares)))


def _currency(customer: Customer, rng: random.Random) -> str | None:
    chance = rng.random()
    if chance < 0.015:
        return None
    return COUNTRIES[customer.country].currency if chance < 0.3 else "USD"


def _settlement(moment: datetime, status: str, rng: random.Random) -> str | None:
    """Two days later, a few longer; none unless it succeeded and that day has come."""
    settled = moment + timedelta(days=2 if rng.random() < 0.93 else rng.randint(3, 6))
    if status != "success" or settled > NOW or rng.random() < 0.01:
        return None
    return settled.strftime("%Y%m%d %H:%M:%S")


def _with_twin_maximum(trades: list[Trade]) -> list[Trade]:
    """The largest amount occurs twice, with different customers, so that 'the largest' is not one row."""
    largest = max(trades, key=lambda trade: trade.amount)
    other = next(
        position
        for position, trade in enumerate(trades)
        if trade.customer_id != largest.customer_id and trade.date_time < largest.date_time
    )
    trades[other] = largest._replace(id=trades[other].id, customer_id=trades[other].customer_id)
    return trades
