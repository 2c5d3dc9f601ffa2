import sqlite3
from collections import Counter
from datetime import datetime

import pytest

from utils.databases.broker import broker_rows
from utils.databases.catalog import PINNED_NOW

NULLABLE = {
    "sbCustomer": ["sbCustPhone", "sbCustAddress1", "sbCustAddress2", "sbCustCity", "sbCustState", "sbCustPostalCode"],
    "sbTicker": ["sbTickerDb2x"],
    "sbDailyPrice": ["sbDpSource"],
    "sbTransaction": ["sbTxCcy", "sbTxKpx", "sbTxSettlementDateStr"],
}
TRADES = "sbTransaction JOIN sbCustomer ON sbTxCustId = sbCustId JOIN sbTicker ON sbTxTickerId = sbTickerId"


def one(connection, sql):
    return connection.execute(sql).fetchone()[0]


def column(connection, sql):
    return [row[0] for row in connection.execute(sql)]


def test_two_builds_give_the_same_rows_and_another_seed_others():
    first, again, other = broker_rows(), broker_rows(), broker_rows(seed=1)
    assert first == again
    assert first["sbTransaction"] != other["sbTransaction"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_seed_gives_consistent_keys(seed):
    rows = broker_rows(seed)
    customers = {row.id: row for row in rows["sbCustomer"]}
    tickers = {row.id for row in rows["sbTicker"]}
    assert len({row.email.lower() for row in rows["sbCustomer"]}) == len(customers)
    for trade in rows["sbTransaction"]:
        assert trade.ticker_id in tickers
        assert customers[trade.customer_id].join_date <= trade.date_time <= PINNED_NOW
    keys = [(price.ticker_id, price.date) for price in rows["sbDailyPrice"]]
    assert len(set(keys)) == len(keys)


def test_size(broker):
    sizes = {table: one(broker, f"SELECT COUNT(*) FROM {table}") for table in NULLABLE}
    assert sizes["sbCustomer"] >= 240
    assert sizes["sbTicker"] >= 64
    assert sizes["sbTransaction"] >= 24_000
    assert sizes["sbDailyPrice"] >= 40_000


def test_nothing_is_dated_after_now(broker):
    today = PINNED_NOW[:10]
    assert datetime.fromisoformat(PINNED_NOW).weekday() == 4
    assert one(broker, "SELECT MAX(sbTxDateTime) FROM sbTransaction") == PINNED_NOW
    assert one(broker, "SELECT MAX(sbCustJoinDate) FROM sbCustomer") == today
    assert one(broker, "SELECT MAX(sbDpDate) FROM sbDailyPrice") == today
    settled = one(broker, "SELECT MAX(sbTxSettlementDateStr) FROM sbTransaction")
    assert datetime.strptime(settled, "%Y%m%d %H:%M:%S") <= datetime.fromisoformat(PINNED_NOW)
    assert one(broker, "SELECT MAX(sbDpEpochMs) FROM sbDailyPrice") / 1000 <= 1702650600  # now, were it UTC


def test_text_forms(broker):
    def shaped(table, name, pattern):
        return (
            one(broker, f"SELECT COUNT(*) FROM {table} WHERE {name} IS NOT NULL AND {name} NOT GLOB '{pattern}'") == 0
        )

    digit = "[0-9]"
    date = f"{digit * 4}-{digit * 2}-{digit * 2}"
    clock = f"{digit * 2}:{digit * 2}:{digit * 2}"
    assert shaped("sbCustomer", "sbCustId", "C" + digit * 4)
    assert shaped("sbCustomer", "sbCustJoinDate", date)
    assert shaped("sbTicker", "sbTickerId", "T" + digit * 3)
    assert shaped("sbDailyPrice", "sbDpDate", date)
    assert shaped("sbTransaction", "sbTxId", "TX" + digit * 6)
    assert shaped("sbTransaction", "sbTxDateTime", f"{date} {clock}")
    assert shaped("sbTransaction", "sbTxSettlementDateStr", f"{digit * 8} {clock}")


def test_values_are_the_known_ones(broker):
    assert set(column(broker, "SELECT DISTINCT sbCustStatus FROM sbCustomer")) == {
        *("active", "inactive", "suspended", "closed")
    }
    assert set(column(broker, "SELECT DISTINCT sbTickerType FROM sbTicker")) == {"stock", "etf", "mutual fund"}
    pairs = broker.execute(
        "SELECT DISTINCT sbTickerExchange, sbTickerDb2x FROM sbTicker WHERE sbTickerDb2x IS NOT NULL"
    )
    assert set(pairs) == {("NASDAQ", "NQ"), ("NYSE", "NY"), ("NYSE Arca", "NX"), ("Vanguard", "VG")}
    assert set(column(broker, "SELECT DISTINCT sbTxType FROM sbTransaction")) == {"buy", "sell"}
    assert set(column(broker, "SELECT DISTINCT sbTxStatus FROM sbTransaction")) == {"success", "fail", "pending"}


def test_decimals_have_two_digits_and_are_stored_as_floats(broker):
    for table, name in (
        ("sbTransaction", "sbTxAmount"),
        ("sbTransaction", "sbTxShares"),
        ("sbDailyPrice", "sbDpClose"),
    ):
        assert set(column(broker, f"SELECT DISTINCT typeof({name}) FROM {table}")) == {"real"}
        assert one(broker, f"SELECT COUNT(*) FROM {table} WHERE {name} <> ROUND({name}, 2)") == 0


@pytest.mark.parametrize(("table", "name"), [(table, name) for table, names in NULLABLE.items() for name in names])
def test_nullable_columns_hold_nulls_and_values(broker, table, name):
    assert (
        0 < one(broker, f"SELECT COUNT(*) - COUNT({name}) FROM {table}") < one(broker, f"SELECT COUNT(*) FROM {table}")
    )


def test_prices_are_possible_and_have_gaps(broker):
    impossible = "sbDpLow > MIN(sbDpOpen, sbDpClose) OR sbDpHigh < MAX(sbDpOpen, sbDpClose) OR sbDpLow <= 0"
    assert one(broker, f"SELECT COUNT(*) FROM sbDailyPrice WHERE {impossible}") == 0
    days = column(broker, "SELECT COUNT(*) FROM sbDailyPrice GROUP BY sbDpTickerId")
    assert 700 < max(days) < 730 and min(days) < 100
    assert one(broker, "SELECT COUNT(*) FROM sbDailyPrice WHERE sbDpOpen = sbDpClose") > 0
    assert (
        one(
            broker, "SELECT COUNT(*) FROM (SELECT 1 FROM sbDailyPrice GROUP BY sbDpDate, sbDpClose HAVING COUNT(*) > 1)"
        )
        > 0
    )
    weekdays = column(broker, "SELECT DISTINCT strftime('%w', sbDpDate) FROM sbDailyPrice")
    assert len(weekdays) == 7
    for day in ("2023-03-31", "2023-04-01", "2023-04-02", "2023-04-03", "2023-04-04", "2023-04-05"):
        assert one(broker, f"SELECT COUNT(*) FROM sbDailyPrice WHERE sbDpDate = '{day}'") == one(
            broker, "SELECT COUNT(*) FROM sbDailyPrice WHERE sbDpDate = '2023-04-03'"
        )


def test_rows_without_partners(broker):
    assert (
        one(broker, "SELECT COUNT(*) FROM sbCustomer WHERE sbCustId NOT IN (SELECT sbTxCustId FROM sbTransaction)")
        >= 15
    )
    unpriced = "sbTickerId NOT IN (SELECT sbDpTickerId FROM sbDailyPrice)"
    untraded = "sbTickerId NOT IN (SELECT sbTxTickerId FROM sbTransaction)"
    assert one(broker, f"SELECT COUNT(*) FROM sbTicker WHERE {unpriced}") >= 3
    assert one(broker, f"SELECT COUNT(*) FROM sbTicker WHERE {untraded} AND NOT {unpriced}") >= 2
    assert one(broker, f"SELECT COUNT(*) FROM sbTicker WHERE {unpriced} AND NOT {untraded}") >= 1


def test_names_do_not_identify(broker):
    assert one(broker, "SELECT COUNT(*) - COUNT(DISTINCT sbCustName) FROM sbCustomer") >= 10
    shared = column(broker, "SELECT sbTickerSymbol FROM sbTicker GROUP BY 1 HAVING COUNT(*) > 1")
    assert sorted(shared) == ["META", "PEP"]
    by = "SELECT SUM(sbTxAmount) FROM {} GROUP BY {} ORDER BY 1 DESC LIMIT 5"
    assert column(broker, by.format(TRADES, "sbCustId")) != column(broker, by.format(TRADES, "sbCustName"))
    by = "SELECT ROUND(SUM(sbTxAmount), 2) FROM {} GROUP BY {} ORDER BY 1 DESC LIMIT 10"
    assert column(broker, by.format(TRADES, "sbTickerId")) != column(broker, by.format(TRADES, "sbTickerSymbol"))


def test_activity_is_skewed_with_customers_at_the_threshold_of_five(broker):
    counts = Counter(column(broker, "SELECT COUNT(*) FROM sbTransaction GROUP BY sbTxCustId"))
    assert counts[5] >= 5 and counts[6] >= 1 and sum(counts[n] for n in range(1, 5)) >= 10
    assert max(counts) > 10 * sorted(counts.elements())[counts.total() // 2]


def test_text_cases_that_tell_patterns_apart(broker):
    lowered = one(
        broker, "SELECT COUNT(*) FROM sbCustomer WHERE LOWER(sbCustName) LIKE 'j%' OR LOWER(sbCustName) LIKE '%ez'"
    )
    assert (
        0 < one(broker, "SELECT COUNT(*) FROM sbCustomer WHERE sbCustName GLOB 'J*' OR sbCustName GLOB '*ez'") < lowered
    )
    ending = "substr(LOWER(sbCustState), -1) = 'a' AND sbCustCountry {} 'USA'"
    assert all(one(broker, f"SELECT COUNT(*) FROM sbCustomer WHERE {ending.format(sign)}") > 5 for sign in ("=", "<>"))
    ends, ends_exactly, contains = (
        one(broker, f"SELECT COUNT(*) FROM sbCustomer WHERE sbCustEmail {test}")
        for test in ("LIKE '%.com'", "GLOB '*.com'", "LIKE '%.com%'")
    )
    assert ends_exactly < ends < contains


def test_amount_is_not_always_shares_times_price(broker):
    off, total = broker.execute(
        "SELECT SUM(ABS(sbTxAmount - sbTxShares * sbTxPrice) > 0.01), COUNT(*) FROM sbTransaction"
    ).fetchone()
    assert 0.01 < off / total < 0.2
    buys, sells = column(broker, "SELECT AVG(sbTxAmount) FROM sbTransaction GROUP BY sbTxType ORDER BY sbTxType")
    assert sells > 1.1 * buys
    assert column(
        broker, "SELECT COUNT(*) FROM sbTransaction GROUP BY sbTxAmount ORDER BY sbTxAmount DESC LIMIT 1"
    ) == [2]
    assert one(broker, "SELECT COUNT(*) FROM sbTransaction WHERE sbTxTax = 0 AND sbTxAmount > 0") > 0
    assert one(broker, "SELECT COUNT(*) FROM sbTransaction WHERE sbTxCommission = 0") > 0
    assert one(broker, "SELECT COUNT(*) FROM sbTransaction WHERE sbTxStatus = 'fail' AND sbTxAmount > 50000") > 0


def test_a_margin_on_last_months_sales_divides_by_zero(broker):
    totals = column(
        broker,
        f"SELECT SUM(sbTxAmount) FROM {TRADES} WHERE sbTxType = 'sell' AND sbTxDateTime >= '2023-11-15' GROUP BY sbTickerSymbol",
    )
    assert totals.count(0) == 1


def _cut(sql, k):
    return pytest.param(sql, k, id=f"{sql.split(' FROM ')[0][7:40]}-{k}")


def _grouped(measure, keys, where="1"):
    return f"SELECT {measure} AS measure FROM {TRADES} WHERE {where} GROUP BY {keys}"


UNTIED = [
    *(_cut(_grouped("SUM(sbTxAmount)", "sbCustCountry", "sbTxDateTime >= '2023-11-15'"), k) for k in (3, 5, 10)),
    *(_cut(_grouped("SUM(sbTxAmount)", "sbTickerSymbol"), k) for k in (3, 5, 10)),
    *(_cut(_grouped("COUNT(*)", "sbCustState, sbTickerType"), k) for k in (3, 5, 10)),
    *(_cut(_grouped("SUM(sbTxAmount)", "sbCustId"), k) for k in (1, 3, 5, 10)),
    *(
        _cut(_grouped("COUNT(*)", "sbTickerSymbol", "sbTxType = 'buy' AND sbTxDateTime >= '2023-12-05'"), k)
        for k in (1, 2, 3)
    ),
    *(
        _cut(_grouped("COUNT(*)", "sbCustId", "substr(sbTxDateTime, 1, 7) = substr(sbCustJoinDate, 1, 7)"), k)
        for k in (1, 2)
    ),
    *(
        _cut(
            "SELECT MAX(sbDpHigh) - MIN(sbDpLow) AS measure FROM sbDailyPrice JOIN sbTicker ON sbDpTickerId = sbTickerId "
            "WHERE sbDpDate BETWEEN '2023-04-01' AND '2023-04-04' GROUP BY sbTickerSymbol",
            k,
        )
        for k in (1, 2, 3)
    ),
    *(_cut("SELECT COUNT(*) AS measure FROM sbCustomer GROUP BY sbCustCountry", k) for k in (3, 5, 10)),
    *(_cut("SELECT COUNT(*) AS measure FROM sbTransaction GROUP BY sbTxStatus", k) for k in (1, 2)),
    *(_cut("SELECT COUNT(*) AS measure FROM sbCustomer GROUP BY sbCustStatus", k) for k in (1, 2, 3)),
]


@pytest.mark.parametrize(("sql", "k"), UNTIED)
def test_no_tie_where_a_ranking_is_cut(broker, sql, k):
    values = column(broker, f"SELECT measure FROM ({sql}) ORDER BY measure DESC LIMIT {k + 1}")
    assert len(values) == k + 1
    assert values[k - 1] - values[k] >= 0.02


@pytest.mark.parametrize(
    "moment",
    [
        *("2022-12-31 23:59:59", "2023-01-01 00:00:00", "2023-03-31 00:00:00", "2023-03-31 23:59:59"),
        *("2023-04-01 00:00:00", "2023-11-14 00:00:00", "2023-11-15 00:00:00", "2023-12-04 00:00:00"),
        *("2023-12-05 00:00:00", "2023-12-07 00:00:00", "2023-12-08 00:00:00", "2023-12-11 00:00:00"),
        *("2023-12-10 23:59:59", "2023-12-04 00:00:00", "2023-12-03 23:59:59", "2023-10-09 00:00:00"),
    ],
)
def test_moments_on_an_edge_have_trades(broker, moment):
    assert one(broker, f"SELECT COUNT(*) FROM sbTransaction WHERE sbTxDateTime = '{moment}'") >= 2


def test_an_off_by_one_window_counts_otherwise(broker):
    def buyers(first, last):
        return column(
            broker,
            "SELECT COUNT(DISTINCT sbTxCustId) FROM sbTransaction "
            f"WHERE sbTxDateTime BETWEEN '{first}' AND '{last}' GROUP BY sbTxType",
        )

    right = buyers("2023-01-01", "2023-03-31 23:59:59")
    assert all(wrong < whole for wrong, whole in zip(buyers("2023-01-01", "2023-03-31"), right, strict=True))
    assert all(
        wrong < whole for wrong, whole in zip(buyers("2023-01-01 00:00:01", "2023-03-31 23:59:59"), right, strict=True)
    )

    def american(first, last):
        return one(
            broker,
            f"SELECT COUNT(*) FROM {TRADES} WHERE sbCustCountry = 'USA' AND sbTickerType = 'stock' "
            f"AND sbTxDateTime >= '{first}' AND sbTxDateTime < '{last}'",
        )

    week = american("2023-12-04", "2023-12-11")
    assert american("2023-12-03", "2023-12-10") != week  # weeks that begin on Sunday
    assert american("2023-12-04 00:00:01", "2023-12-11") < week < american("2023-12-04", "2023-12-11 00:00:01")


def test_the_best_first_month_depends_on_the_year(broker):
    best = f"SELECT sbCustId FROM {TRADES} WHERE {{}} GROUP BY 1 ORDER BY COUNT(*) DESC LIMIT 1"
    month = "substr(sbTxDateTime, 6, 2) = substr(sbCustJoinDate, 6, 2)"
    year_and_month = "substr(sbTxDateTime, 1, 7) = substr(sbCustJoinDate, 1, 7)"
    assert one(broker, best.format(month)) != one(broker, best.format(year_and_month))


def test_join_dates_stand_on_edges(broker):
    dates = set(column(broker, "SELECT sbCustJoinDate FROM sbCustomer"))
    assert {"2021-12-31", "2022-01-01", "2022-12-31", "2023-01-01", "2023-05-31", "2023-06-01", "2023-11-30"} <= dates


def test_foreign_keys_are_declared_and_hold(broker):
    assert {row[2] for row in broker.execute("PRAGMA foreign_key_list(sbTransaction)")} == {"sbCustomer", "sbTicker"}
    assert broker.execute("PRAGMA foreign_key_check").fetchall() == []
    assert [row[1] for row in broker.execute("PRAGMA table_info(sbDailyPrice)") if row[5]] == [
        "sbDpTickerId",
        "sbDpDate",
    ]


def test_a_second_primary_key_is_refused(built, tmp_path):
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes((built.databases / "broker.sqlite").read_bytes())
    with sqlite3.connect(copy) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO sbDailyPrice SELECT * FROM sbDailyPrice LIMIT 1")
