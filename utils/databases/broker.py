"""The broker database: a brokerage made up from a seed, on the schema of defog.ai's broker questions.

Its clock stands still at `catalog.PINNED_NOW`, a Friday; no row is dated later. The data holds on purpose what
makes a wrong program give a wrong answer: customers without transactions, tickers without prices, people
and tickers that share a name, nulls, ties, rows on the first and last moment of weeks, months and quarters.
"""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path
from typing import Any

from utils.databases.broker_market import PriceBook, make_prices, make_tickers
from utils.databases.broker_orders import make_orders
from utils.databases.broker_people import Customer, make_customers
from utils.databases.broker_tables import BROKER_TABLES
from utils.databases.broker_trades import Trade, make_trades
from utils.databases.tables import Row, write_duckdb, write_sqlite

SEED = 20231215


def broker_rows(seed: int = SEED) -> dict[str, list[Row]]:
    """Rows of every broker table in column order, by table name; the same for the same seed."""
    rng = random.Random(seed)
    customers = make_customers(rng)
    tickers = make_tickers(rng)
    prices = make_prices(tickers, rng)
    orders = make_orders(customers, tickers, rng)
    trades = make_trades(orders, tickers, PriceBook(tickers, prices), rng)
    rows: dict[str, list[Any]] = {
        "sbCustomer": _with_namesakes(customers, trades),
        "sbTicker": [ticker for ticker, _ in tickers.values()],
        "sbDailyPrice": prices,
        "sbTransaction": trades,
    }
    return rows


def _with_namesakes(customers: list[Customer], trades: list[Trade]) -> list[Customer]:
    """Give the fourth and the seventh of the customers by amount one name: a ranking by name is then another."""
    totals: dict[str, float] = defaultdict(float)
    for trade in trades:
        totals[trade.customer_id] += trade.amount
    ranked = sorted(totals, key=lambda customer_id: totals[customer_id], reverse=True)
    name = next(one.name for one in customers if one.id == ranked[3])
    return [one._replace(name=name) if one.id == ranked[6] else one for one in customers]


def write_broker_sqlite(path: Path, seed: int = SEED) -> None:
    """Create the broker database as a SQLite file at `path` (which must not exist), with keys and indexes."""
    write_sqlite(path, BROKER_TABLES, broker_rows(seed))


def write_broker_duckdb(path: Path, seed: int = SEED) -> None:
    """Create the broker database's twin as a DuckDB file at `path` (which must not exist), with keys."""
    write_duckdb(path, BROKER_TABLES, broker_rows(seed))
