"""Texts that are nearly equal, found among many in a working database: exactly, and without comparing all with all.

Two sets of Jaccard similarity t share at least t times the larger one's elements. So if the elements of every set are
put into one order and of each set only the first n - ceil(t n) + 1 are kept, near sets share one of these (Chaudhuri,
Ganti, Kaushik, "A primitive operator for similarity joins in data cleaning", 2006; Bayardo, Ma, Srikant, "Scaling up
all pairs similarity search", 2007). With the rarest elements first few other sets do.
"""

from __future__ import annotations

import duckdb

from utils.dataset.similarity import NEAR

SHINGLES = "shingles UINTEGER[]"  # a column of a table with a `number` for each row
_MOST_DIFFERENT = (1 - NEAR) / (1 + NEAR)  # elements in one of two near sets only, as a share of both sets' sizes


def index_shingles(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Make the table `prefix` (number, shingle, size, bits) of a table with SHINGLES: near rows share one of these."""
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE frequency AS
            SELECT shingle, count(*) AS held_by FROM (SELECT unnest(shingles) AS shingle FROM {table}) GROUP BY shingle;
        CREATE OR REPLACE TABLE prefix AS
            WITH each AS (
                SELECT number, len(shingles) AS size, unnest(shingles) AS shingle,
                    list_aggregate(list_transform(shingles, lambda x: 1::UBIGINT << (x % 64)), 'bit_or') AS bits
                FROM {table}
            )
            SELECT number, shingle, size, bits FROM (
                SELECT number, shingle, size, bits,
                    row_number() OVER (PARTITION BY number ORDER BY held_by, shingle) AS nth
                FROM each JOIN frequency USING (shingle)
            ) WHERE nth <= size - ceil({NEAR} * size - 1e-9) + 1;
        DROP TABLE frequency;
        """
    )


def may_be_near(one: str, other: str) -> str:
    """SQL for whether two rows of `prefix`, by their aliases, may be near; false only where they are not."""
    return f"bit_count(xor({one}.bits, {other}.bits)) <= {_MOST_DIFFERENT} * ({one}.size + {other}.size) + 1e-9"


def similarity(one: str, other: str) -> str:
    """SQL for the Jaccard similarity of two columns of SHINGLES."""
    shared = f"len(list_intersect({one}, {other}))"
    return f"({shared} / (len({one}) + len({other}) - {shared}))"
