"""What stands on two sides of a split: read back from the files as they were written."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb

from utils.core.console import UserError
from utils.core.jsonl import read_json_lines
from utils.core.parallel import map_batches
from utils.dataset.near import SHINGLES, index_shingles, may_be_near, similarity
from utils.dataset.prompt_template import Target
from utils.dataset.similarity import NEAR
from utils.dataset.splits import FORBIDDEN, SIDES, SplitRule
from utils.dataset.working import insert, working_database
from utils.dataset.written import Written, read_lines

EQUAL = ("question", "program", "template", "schema")


def leakage_matrix(folder: Path, target: Target) -> list[dict[str, Any]]:
    """For each two sides of the version in `folder` how many rows of the second have one like it in the first.

    Each entry: `between` (two sides), and counts for question, near_question, program, template and schema.
    Lines whose target is no program (answers on the language) count by their question alone.
    """
    with working_database(folder) as connection:
        _read_all(connection, folder, target)
        present = [side for side in SIDES if (folder / f"{side}.jsonl").is_file()]
        return [_between(connection, first, second) for first, second in combinations(present, 2)]


def checked_leakage(folder: Path, split: SplitRule, target: Target) -> dict[str, Any]:
    """The leakage matrix (`pairs`) and what is `forbidden`; raises UserError where something forbidden stands in it."""
    pairs = leakage_matrix(folder, target)
    forbidden = FORBIDDEN[split.kind]
    for pair in pairs:
        for key in forbidden:
            if pair[key]:
                first, second = pair["between"]
                told = f"{pair[key]:,} rows of {second} have the same {key} as rows of {first}"
                raise UserError(f"{folder}: {told}; nothing is released")
    return {"pairs": pairs, "forbidden": list(forbidden)}


def _read_all(connection: duckdb.DuckDBPyConnection, folder: Path, target: Target) -> None:
    texts = ", ".join(f"{name} VARCHAR" for name in Written._fields[1:-1])
    connection.execute(f"CREATE TABLE written (number BIGINT, {texts}, {SHINGLES})")
    for rows in map_batches(_lines(folder), partial(read_lines, target)):
        insert(connection, "written", Written._fields, rows)
    index_shingles(connection, "written")


def _between(connection: duckdb.DuckDBPyConnection, first: str, second: str) -> dict[str, Any]:
    counts: dict[str, Any] = {"between": [first, second]}
    for key in EQUAL:
        counts[key] = connection.execute(
            f"""
            SELECT count(*) FROM written WHERE side = ? AND {key} <> ''
                AND {key} IN (SELECT {key} FROM written WHERE side = ?)
            """,
            [second, first],
        ).fetchall()[0][0]
    near = connection.execute(
        f"""
        WITH pairs AS (
            SELECT DISTINCT a.number AS one, b.number AS other
            FROM written AS a JOIN prefix AS p ON p.number = a.number JOIN prefix AS q ON q.shingle = p.shingle
                JOIN written AS b ON b.number = q.number
            WHERE a.side = ? AND b.side = ? AND {may_be_near("p", "q")}
        )
        SELECT count(DISTINCT other) FROM pairs
            JOIN written AS a ON a.number = one JOIN written AS b ON b.number = other
            WHERE {similarity("a.shingles", "b.shingles")} >= {NEAR}
        """,
        [first, second],
    ).fetchall()[0][0]
    return counts | {"near_question": near}


def _lines(folder: Path) -> Iterator[tuple[int, str, dict[str, Any]]]:
    number = 0
    for side in SIDES:
        file = folder / f"{side}.jsonl"
        if file.is_file():
            for _line, record in read_json_lines(file):
                number += 1
                yield number, side, record
