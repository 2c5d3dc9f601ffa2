"""The broker schema: customers, tickers, daily prices, transactions."""

from __future__ import annotations

from utils.databases.tables import Column, ForeignKey, Table

CUSTOMER = Table(
    "sbCustomer",
    (
        Column("sbCustId", "varchar(20)"),
        Column("sbCustName", "varchar(100)"),
        Column("sbCustEmail", "varchar(100)"),
        Column("sbCustPhone", "varchar(20)", nullable=True),
        Column("sbCustAddress1", "varchar(200)", nullable=True),
        Column("sbCustAddress2", "varchar(200)", nullable=True),
        Column("sbCustCity", "varchar(50)", nullable=True),
        Column("sbCustState", "varchar(20)", nullable=True),
        Column("sbCustCountry", "varchar(50)", nullable=True),
        Column("sbCustPostalCode", "varchar(20)", nullable=True),
        Column("sbCustJoinDate", "date"),
        Column("sbCustStatus", "varchar(20)"),
    ),
    primary_key=("sbCustId",),
)
TICKER = Table(
    "sbTicker",
    (
        Column("sbTickerId", "varchar(20)"),
        Column("sbTickerSymbol", "varchar(10)"),
        Column("sbTickerName", "varchar(100)"),
        Column("sbTickerType", "varchar(20)"),
        Column("sbTickerExchange", "varchar(50)"),
        Column("sbTickerCurrency", "varchar(10)"),
        Column("sbTickerDb2x", "varchar(20)", nullable=True),
        Column("sbTickerIsActive", "boolean"),
    ),
    primary_key=("sbTickerId",),
)
DAILY_PRICE = Table(
    "sbDailyPrice",
    (
        Column("sbDpTickerId", "varchar(20)"),
        Column("sbDpDate", "date"),
        Column("sbDpOpen", "decimal(10,2)"),
        Column("sbDpHigh", "decimal(10,2)"),
        Column("sbDpLow", "decimal(10,2)"),
        Column("sbDpClose", "decimal(10,2)"),
        Column("sbDpVolume", "bigint"),
        Column("sbDpEpochMs", "bigint"),
        Column("sbDpSource", "varchar(50)", nullable=True),
    ),
    primary_key=("sbDpTickerId", "sbDpDate"),
    foreign_keys=(ForeignKey(("sbDpTickerId",), "sbTicker", ("sbTickerId",)),),
    indexes=(("sbDpDate",),),
)
TRANSACTION = Table(
    "sbTransaction",
    (
        Column("sbTxId", "varchar(50)"),
        Column("sbTxCustId", "varchar(20)"),
        Column("sbTxTickerId", "varchar(20)"),
        Column("sbTxDateTime", "timestamp"),
        Column("sbTxType", "varchar(20)"),
        Column("sbTxShares", "decimal(10,2)"),
        Column("sbTxPrice", "decimal(10,2)"),
        Column("sbTxAmount", "decimal(10,2)"),
        Column("sbTxCcy", "varchar(10)", nullable=True),
        Column("sbTxTax", "decimal(10,2)"),
        Column("sbTxCommission", "decimal(10,2)"),
        Column("sbTxKpx", "varchar(10)", nullable=True),
        Column("sbTxSettlementDateStr", "varchar(25)", nullable=True),
        Column("sbTxStatus", "varchar(10)"),
    ),
    primary_key=("sbTxId",),
    foreign_keys=(
        ForeignKey(("sbTxCustId",), "sbCustomer", ("sbCustId",)),
        ForeignKey(("sbTxTickerId",), "sbTicker", ("sbTickerId",)),
    ),
    indexes=(("sbTxCustId", "sbTxDateTime"), ("sbTxTickerId", "sbTxDateTime"), ("sbTxDateTime",)),
)
BROKER_TABLES = (CUSTOMER, TICKER, DAILY_PRICE, TRANSACTION)
