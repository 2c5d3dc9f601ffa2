"""TPC-H at scale 0.01, made by DuckDB's own generator (the extension that the wheel brings along)."""

from __future__ import annotations

from pathlib import Path

import duckdb
import duckdb_extension_tpch

from utils.core.console import UserError
from utils.databases.tables import Column, ForeignKey, Table, create_table_sql, sqlite_select, write_sqlite

SCALE_FACTOR = 0.01


def _columns(prefix: str, text: str) -> tuple[Column, ...]:
    """Columns from "name:type name:type"; every TPC-H column is NOT NULL."""
    pairs = (part.split(":") for part in text.split())
    return tuple(Column(f"{prefix}_{name}", kind) for name, kind in pairs)


_MONEY = "decimal(15,2)"
REGION = Table("REGION", _columns("r", "regionkey:integer name:varchar comment:varchar"), ("r_regionkey",))
NATION = Table(
    "NATION",
    _columns("n", "nationkey:integer name:varchar regionkey:integer comment:varchar"),
    ("n_nationkey",),
    (ForeignKey(("n_regionkey",), "REGION", ("r_regionkey",)),),
    (("n_regionkey",),),
)
PART = Table(
    "PART",
    _columns(
        "p",
        "partkey:bigint name:varchar mfgr:varchar brand:varchar type:varchar size:integer container:varchar "
        f"retailprice:{_MONEY} comment:varchar",
    ),
    ("p_partkey",),
)
SUPPLIER = Table(
    "SUPPLIER",
    _columns(
        "s",
        f"suppkey:bigint name:varchar address:varchar nationkey:integer phone:varchar acctbal:{_MONEY} comment:varchar",
    ),
    ("s_suppkey",),
    (ForeignKey(("s_nationkey",), "NATION", ("n_nationkey",)),),
    (("s_nationkey",),),
)
PARTSUPP = Table(
    "PARTSUPP",
    _columns("ps", f"partkey:bigint suppkey:bigint availqty:bigint supplycost:{_MONEY} comment:varchar"),
    ("ps_partkey", "ps_suppkey"),
    (
        ForeignKey(("ps_partkey",), "PART", ("p_partkey",)),
        ForeignKey(("ps_suppkey",), "SUPPLIER", ("s_suppkey",)),
    ),
    (("ps_suppkey",),),
)
CUSTOMER = Table(
    "CUSTOMER",
    _columns(
        "c",
        f"custkey:bigint name:varchar address:varchar nationkey:integer phone:varchar acctbal:{_MONEY} "
        "mktsegment:varchar comment:varchar",
    ),
    ("c_custkey",),
    (ForeignKey(("c_nationkey",), "NATION", ("n_nationkey",)),),
    (("c_nationkey",),),
)
ORDERS = Table(
    "ORDERS",
    _columns(
        "o",
        f"orderkey:bigint custkey:bigint orderstatus:varchar totalprice:{_MONEY} orderdate:date "
        "orderpriority:varchar clerk:varchar shippriority:integer comment:varchar",
    ),
    ("o_orderkey",),
    (ForeignKey(("o_custkey",), "CUSTOMER", ("c_custkey",)),),
    (("o_custkey",), ("o_orderdate",)),
)
LINEITEM = Table(
    "LINEITEM",
    _columns(
        "l",
        f"orderkey:bigint partkey:bigint suppkey:bigint linenumber:bigint quantity:{_MONEY} extendedprice:{_MONEY} "
        f"discount:{_MONEY} tax:{_MONEY} returnflag:varchar linestatus:varchar shipdate:date commitdate:date "
        "receiptdate:date shipinstruct:varchar shipmode:varchar comment:varchar",
    ),
    ("l_orderkey", "l_linenumber"),
    (
        ForeignKey(("l_orderkey",), "ORDERS", ("o_orderkey",)),
        ForeignKey(("l_partkey", "l_suppkey"), "PARTSUPP", ("ps_partkey", "ps_suppkey")),
    ),
    (("l_partkey", "l_suppkey"), ("l_suppkey",), ("l_shipdate",)),
)
TPCH_TABLES = (REGION, NATION, PART, SUPPLIER, PARTSUPP, CUSTOMER, ORDERS, LINEITEM)


def extension_file() -> Path:
    """The tpch extension for the installed DuckDB; raises UserError where the wheel has none."""
    folder = Path(duckdb_extension_tpch.__file__).parent / "extensions"
    wanted = folder / f"v{duckdb.__version__}" / "tpch.duckdb_extension"
    if not wanted.is_file():
        found = ", ".join(sorted(path.name for path in folder.glob("v*"))) or "none"
        raise UserError(
            f"{wanted}: no TPC-H generator for DuckDB {duckdb.__version__} (the wheel has {found}); "
            "install duckdb and duckdb-extension-tpch in one version"
        )
    return wanted


def _generated() -> duckdb.DuckDBPyConnection:
    """An in-memory database with the eight generated tables, without keys."""
    connection = duckdb.connect(":memory:", config={"threads": "1"})
    connection.load_extension(str(extension_file()))
    connection.execute(f"CALL dbgen(sf = {SCALE_FACTOR})")
    return connection


def write_tpch_duckdb(path: Path) -> None:
    """Create TPC-H as a DuckDB file at `path` (which must not exist), with keys."""
    with _generated() as connection:
        quoted = str(path).replace("'", "''")
        connection.execute(f"ATTACH '{quoted}' AS built")
        connection.execute("USE built")
        for table in TPCH_TABLES:
            connection.execute(create_table_sql(table, "duckdb"))
            names = ", ".join(column.name for column in table.columns)
            keys = ", ".join(table.primary_key)
            connection.execute(f"INSERT INTO {table.name} SELECT {names} FROM memory.{table.name} ORDER BY {keys}")
        connection.execute("USE memory")
        connection.execute("DETACH built")


def write_tpch_sqlite(path: Path) -> None:
    """Create TPC-H as a SQLite file at `path` (which must not exist), with keys and indexes."""
    with _generated() as connection:
        rows = {table.name: connection.execute(sqlite_select(table)).fetchall() for table in TPCH_TABLES}
    write_sqlite(path, TPCH_TABLES, rows)
