"""A right program is a match; every single edit that makes it wrong is a mismatch."""

from dataclasses import dataclass

import pytest

from utils.core.paths import WorkDir
from utils.databases.catalog import built_in_entries
from utils.proof.tasks import ProofTask


@dataclass(frozen=True)
class Case:
    """A question's gold and program, and edits (old text, new text) that each make the program wrong."""

    database: str
    gold: str
    program: str
    edits: tuple[tuple[str, str], ...]

    def wrong_programs(self):
        for old, new in self.edits:
            assert self.program.count(old) == 1, f"{old!r} is not there once"
            yield self.program.replace(old, new)


CASES = {
    "countries by trades": Case(
        "broker",
        """
        SELECT c.sbCustCountry AS country, COUNT(*) AS trades, SUM(t.sbTxAmount) AS traded
        FROM sbTransaction AS t JOIN sbCustomer AS c ON c.sbCustId = t.sbTxCustId
        WHERE t.sbTxType = 'buy' AND t.sbTxDateTime >= '2023-01-01'
        GROUP BY c.sbCustCountry HAVING COUNT(*) > 5
        ORDER BY traded DESC, country LIMIT 5
        """,
        "bought = transactions.WHERE((transaction_type == 'buy') & (date_time >= datetime.date(2023, 1, 1)))\n"
        "bought = bought.CALCULATE(country=customer.country)\n"
        "result = bought.PARTITION(name='countries', by=country).WHERE(COUNT(transactions) > 5).CALCULATE(\n"
        "    country, trades=COUNT(transactions), traded=SUM(transactions.amount)\n"
        ").TOP_K(5, by=(traded.DESC(), country.ASC()))",
        (
            ("SUM(transactions.amount)", "AVG(transactions.amount)"),
            ("SUM(transactions.amount)", "MAX(transactions.amount)"),
            ("transactions.amount", "transactions.price"),
            ("trades=COUNT(transactions)", "trades=NDISTINCT(transactions.customer_id)"),
            ("TOP_K(5", "TOP_K(6"),
            ("TOP_K(5", "TOP_K(4"),
            ("traded.DESC(), ", ""),
            ("traded.DESC()", "traded.ASC()"),
            ("traded.DESC()", "trades.DESC()"),
            ("(transaction_type == 'buy') & ", ""),
            (" & (date_time >= datetime.date(2023, 1, 1))", ""),
            ("== 'buy'", "!= 'buy'"),
            ("== 'buy'", "== 'sell'"),
            ("'buy') &", "'buy') |"),
            ("2023, 1, 1", "2023, 2, 1"),
            ("customer.country", "customer.state"),
        ),
    ),
    "customers without trades": Case(
        "broker",
        """
        SELECT c.sbCustId, c.sbCustName, COUNT(t.sbTxId) AS trades
        FROM sbCustomer AS c LEFT JOIN sbTransaction AS t ON t.sbTxCustId = c.sbCustId
        GROUP BY c.sbCustId, c.sbCustName
        """,
        "result = customers.CALCULATE(_id, name, trades=COUNT(transactions_made))",
        (
            ("customers.CALCULATE", "customers.WHERE(HAS(transactions_made)).CALCULATE"),
            ("customers.CALCULATE", "customers.WHERE(HASNOT(transactions_made)).CALCULATE"),
            ("COUNT(transactions_made)", "NDISTINCT(transactions_made.ticker_id)"),
            ("COUNT(transactions_made)", "HAS(transactions_made)"),
            ("_id, name", "_id, email"),
            ("_id, name, ", "name, "),
            ("_id, name", "_id, name, country"),
        ),
    ),
    "distinct kinds": Case(
        "broker",
        "SELECT DISTINCT sbTickerType, sbTickerExchange FROM sbTicker ORDER BY sbTickerType, sbTickerExchange DESC",
        "result = tickers.PARTITION(name='kinds', by=(ticker_type, exchange)).CALCULATE(ticker_type, exchange)"
        ".ORDER_BY(ticker_type.ASC(), exchange.DESC())",
        (
            ("tickers.PARTITION(name='kinds', by=(ticker_type, exchange))", "tickers"),
            ("exchange.DESC()", "exchange.ASC()"),
            (".ORDER_BY(ticker_type.ASC(), exchange.DESC())", ""),
            ("ticker_type.ASC(), exchange.DESC()", "exchange.DESC(), ticker_type.ASC()"),
            ("CALCULATE(ticker_type, exchange)", "CALCULATE(ticker_type)"),
        ),
    ),
    "highest close": Case(
        "broker_duckdb",
        """
        SELECT k.sbTickerSymbol, COUNT(*) AS days, AVG(p.sbDpClose) AS mean_close
        FROM sbDailyPrice AS p JOIN sbTicker AS k ON k.sbTickerId = p.sbDpTickerId
        WHERE p.sbDpHigh - p.sbDpLow > 1
        GROUP BY k.sbTickerId, k.sbTickerSymbol
        """,
        "wide = daily_prices.WHERE(high - low > 1)\n"
        "result = tickers.CALCULATE(symbol).WHERE(HAS(daily_prices.WHERE(high - low > 1))).CALCULATE(\n"
        "    symbol, days=COUNT(daily_prices.WHERE(high - low > 1.0)), mean_close=AVG(daily_prices.WHERE(high - low > 1.00).close)\n"
        ")",
        (
            ("> 1.0)", "> 2)"),
            ("> 1.0)", "< 1)"),
            ("high - low > 1.0)", "high + low > 1)"),
            ("1.00).close", "1.00).high"),
            ("AVG(", "MEDIAN("),
            ("symbol, days", "name, days"),
        ),
    ),
    "customers by region": Case(
        "tpch",
        """
        SELECT r.r_name AS region, COUNT(DISTINCT c.c_custkey) AS customers, ROUND(AVG(o.o_totalprice), 2) AS mean_price
        FROM region AS r JOIN nation AS n ON n.n_regionkey = r.r_regionkey
        JOIN customer AS c ON c.c_nationkey = n.n_nationkey JOIN orders AS o ON o.o_custkey = c.c_custkey
        WHERE o.o_orderdate BETWEEN '1995-01-01' AND '1995-12-31'
        GROUP BY r.r_name ORDER BY r.r_name
        """,
        "placed = orders.WHERE((order_date >= datetime.date(1995, 1, 1)) & (order_date <= datetime.date(1995, 12, 31)))\n"
        "placed = placed.CALCULATE(region=customer.nation.region.name)\n"
        "result = placed.PARTITION(name='regions', by=region).CALCULATE(\n"
        "    region, customers=NDISTINCT(orders.customer_key), mean_price=ROUND(AVG(orders.total_price), 2)\n"
        ").ORDER_BY(region.ASC())",
        (
            ("NDISTINCT(orders.customer_key)", "COUNT(orders)"),
            ("ROUND(AVG(orders.total_price), 2)", "ROUND(AVG(orders.total_price), 1)"),
            ("ROUND(AVG(orders.total_price), 2)", "AVG(orders.total_price)"),
            ("AVG(", "SUM("),
            ("region.ASC()", "region.DESC()"),
            (".ORDER_BY(region.ASC())", ""),
            ("region.ASC()", "mean_price.ASC()"),
            ("order_date <= datetime.date(1995, 12, 31)", "order_date <= datetime.date(1995, 12, 30)"),
            ("order_date <= datetime.date(1995, 12, 31)", "order_date < datetime.date(1995, 12, 31)"),
            ("order_date >= datetime.date(1995, 1, 1)", "order_date > datetime.date(1995, 1, 1)"),
            ("customer.nation.region.name", "customer.nation.name"),
            ("'regions', by=region", "'regions', by=(region, order_status)"),
        ),
    ),
    "first nations": Case(
        "tpch",
        "SELECT n_name FROM nation WHERE n_nationkey >= 10 ORDER BY n_name LIMIT 5 OFFSET 0",
        "result = nations.WHERE(key >= 10).TOP_K(5, by=name.ASC()).CALCULATE(name)",
        (
            (">= 10", "> 10"),
            (">= 10", ">= 11"),
            ("name.ASC()", "name.DESC()"),
            ("name.ASC()", "key.ASC()"),
            ("CALCULATE(name)", "CALCULATE(comment)"),
            ("CALCULATE(name)", "CALCULATE(LOWER(name))"),
            ("TOP_K(5, by=name.ASC())", "ORDER_BY(name.ASC())"),
        ),
    ),
    "share of returned lines": Case(
        "tpch_duckdb",
        """
        SELECT l_shipmode, COUNT(*) FILTER (WHERE l_returnflag = 'R') * 1.0 / COUNT(*) AS share
        FROM lineitem GROUP BY l_shipmode ORDER BY 2 DESC, 1
        """,
        "result = lines.PARTITION(name='modes', by=ship_mode).CALCULATE(\n"
        "    ship_mode, share=COUNT(lines.WHERE(return_flag == 'R')) / COUNT(lines)\n"
        ").ORDER_BY(share.DESC(), ship_mode.ASC())",
        (
            ("== 'R'", "!= 'R'"),
            ("return_flag == 'R'", "status == 'F'"),
            ("/ COUNT(lines)", "/ SUM(lines.quantity)"),
            ("by=ship_mode", "by=(ship_mode, return_flag)"),
            ("share.DESC()", "share.ASC()"),
            ("share=COUNT", "share=100 * COUNT"),
        ),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def entries(databases: WorkDir):
    return built_in_entries(databases)


def verdict(prove, entries, case: Case, program: str):
    return prove(ProofTask("q", program, case.gold, entries[case.database]))


@pytest.mark.parametrize("name", CASES)
def test_the_right_program_is_a_match(prove, entries, name):
    found = verdict(prove, entries, CASES[name], CASES[name].program)
    assert (found.status, found.detail) == ("match", "")


@pytest.mark.parametrize("name", CASES)
def test_every_wrong_edit_is_a_mismatch(prove, entries, name):
    case = CASES[name]
    found = {program: verdict(prove, entries, case, program) for program in case.wrong_programs()}
    assert len(found) == len(case.edits)
    passed = {
        program: (one.status, one.detail) for program, one in found.items() if one.status not in ("mismatch", "quirk")
    }
    assert passed == {}
    assert all(one.detail and "\n" not in one.detail for one in found.values())
