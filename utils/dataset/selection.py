"""Which rows make the set: duplicates, caps, mix, leaks, decided over all rows in an embedded database.

Everything is a query over facts on disk, so that memory does not grow with the rows. What stays does not
depend on the rows' order in the file, but where rows are equal in all else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import duckdb

from utils.dataset.contract import MAX_VALIDATION_LINES, most_validation_lines
from utils.dataset.facts import SYNTHETIC_RANK, RowFacts
from utils.dataset.near import SHINGLES, index_shingles, may_be_near, similarity
from utils.dataset.similarity import NEAR
from utils.dataset.splits import FORBIDDEN, SplitKind, point
from utils.dataset.working import insert
from utils.programs.difficulty import LEVELS

ROWS_AT_ONCE = 100_000  # rows whose questions are compared in one query, which bounds its memory
DEFAULT_SYNTHETIC_SHARE = 0.9
MATES = 200  # rows of those that share a rare run of words which a row is compared with in one round

_CREATE = f"""
CREATE TABLE rows (
    number BIGINT, question_id VARCHAR, db_name VARCHAR, outcome VARCHAR, detail VARCHAR, rank TINYINT, length INTEGER,
    question VARCHAR, program BIGINT, template VARCHAR, side VARCHAR, difficulty VARCHAR,
    operators VARCHAR, tokens INTEGER, chance DOUBLE
);
CREATE TABLE texts (number BIGINT, {SHINGLES});
CREATE TABLE known (question_id VARCHAR, db_name VARCHAR);
"""


@dataclass(frozen=True)
class Caps:
    """How many rows of a kind may stay; 0: all. `mix`: shares of difficulty levels, 1 in sum; empty: as it comes.

    `synthetic_share` is the share that rows of synthesis may have, where there are others at all.
    """

    per_template: int = 0
    per_database: int = 0
    mix: Mapping[str, float] = field(default_factory=dict)
    synthetic_share: float = DEFAULT_SYNTHETIC_SHARE


class Decision(NamedTuple):
    """What becomes of a row, and its facts that stand in the account of rows."""

    number: int
    outcome: str
    detail: str
    difficulty: str
    operators: str
    template: str
    tokens: int


class Selection:
    """Collects facts, decides once, and gives the decisions back in the order of the rows."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, seed: int) -> None:
        """`connection` is to an empty working database; `seed` decides what is chosen by lot."""
        self._connection = connection
        self._connection.execute(_CREATE)
        self._seed = seed

    def know(self, questions: Iterable[tuple[str, str]]) -> None:
        """Take in (question_id, database) of the question files."""
        for part in _parts(questions):
            insert(self._connection, "known", ("question_id", "db_name"), part)

    def add(self, facts: list[RowFacts]) -> None:
        """Take in the facts of some rows."""
        columns = RowFacts._fields[:-1]
        rows = [(*row[:-1], point(self._seed, "chance", row.question_id)) for row in facts]
        insert(self._connection, "rows", (*columns, "chance"), rows)
        texts = [(row.number, row.shingles) for row in facts if not row.outcome]
        insert(self._connection, "texts", ("number", "shingles"), texts)

    def decide(self, caps: Caps, split: SplitKind) -> None:
        """Give every row its outcome: its side, or why it is left out."""
        self._drop_unknown()
        index_shingles(self._connection, "texts")
        self._drop_equal()
        self._drop_near()
        self._drop_over_caps(caps)
        self._drop_leaks(split)
        self._drop_validation_over_limit()
        self._run("UPDATE rows SET outcome = side WHERE outcome = ''")

    def decisions(self) -> Iterator[Decision]:
        """Every row's decision, in the rows' order, streamed."""
        cursor = self._connection.cursor()
        cursor.execute(f"SELECT {', '.join(Decision._fields)} FROM rows ORDER BY number")
        while part := cursor.fetchmany(10_000):
            yield from map(Decision._make, part)

    def _drop_unknown(self) -> None:
        self._run(
            """
            UPDATE rows SET outcome = 'unknown_schema', detail = 'question_id ''' || question_id ||
                ''' is in none of the question files; add it there or drop the row'
            WHERE outcome = '' AND question_id NOT IN (SELECT question_id FROM known);
            UPDATE rows SET outcome = 'unknown_schema', detail = 'question_id ''' || rows.question_id ||
                ''' is of database ''' || known.db_name || ''' in the question files, of ''' || rows.db_name ||
                ''' here; run stage 3 again'
            FROM known WHERE outcome = '' AND known.question_id = rows.question_id
                AND lower(known.db_name) <> lower(rows.db_name);
            """
        )

    def _drop_equal(self) -> None:
        """Of rows with the same question or program on a database the best stays, and names itself to the others.

        The best is of the best tier, then of the shortest program, then the first. In rounds, so that the one that
        is named does stay: who is best by question and by program stays, those like it go, and again.
        """
        self._run(
            """
            CREATE TABLE placed AS SELECT number, row_number() OVER (ORDER BY rank, length, number) AS place
                FROM rows WHERE outcome = '';
            CREATE TABLE open AS SELECT number, lower(db_name) AS db, question, program, place
                FROM rows JOIN placed USING (number);
            """
        )
        while self._count("open"):
            self._run(
                """
                CREATE OR REPLACE TABLE winners AS SELECT number, db, question, program FROM open QUALIFY
                    place = min(place) OVER (PARTITION BY db, question)
                    AND place = min(place) OVER (PARTITION BY db, program);
                DELETE FROM open WHERE number IN (SELECT number FROM winners);
                """
            )
            for key in ("question", "program"):
                self._run(
                    f"""
                    CREATE OR REPLACE TABLE losers AS SELECT open.number, winners.number AS winner
                        FROM open JOIN winners USING (db, {key});
                    UPDATE rows SET outcome = 'duplicate', detail = 'same {key} as ' ||
                        (SELECT question_id FROM rows AS kept WHERE kept.number = losers.winner)
                        FROM losers WHERE rows.number = losers.number;
                    DELETE FROM open WHERE number IN (SELECT number FROM losers);
                    """
                )

    def _drop_near(self) -> None:
        """Of rows with nearly the same question on a database the best stays, until no two are left."""
        while self._find_near():
            while self._count("near"):
                self._run(
                    """
                    CREATE OR REPLACE TABLE losers AS
                        SELECT high, min(low) AS low, arg_min(similarity, low) AS similarity
                        FROM near WHERE low NOT IN (SELECT high FROM near) GROUP BY high;
                    UPDATE rows SET outcome = 'near_duplicate', detail = 'question near ' || lost.question_id ||
                        printf(' (similarity %.2f)', similarity)
                        FROM (
                            SELECT loser.number, kept.question_id, similarity FROM losers
                                JOIN placed AS loser ON loser.place = high JOIN placed AS winner ON winner.place = low
                                JOIN rows AS kept ON kept.number = winner.number
                        ) AS lost WHERE rows.number = lost.number;
                    DELETE FROM near WHERE high IN (SELECT high FROM losers) OR low IN (SELECT high FROM losers);
                    """
                )

    def _find_near(self) -> int:
        """Make the table `near` of (low, high) places of rows whose questions are near; the number of them."""
        self._run(
            """
            CREATE OR REPLACE TABLE near (low BIGINT, high BIGINT, similarity DOUBLE);
            CREATE OR REPLACE TABLE pairs (low BIGINT, high BIGINT, one BIGINT, other BIGINT);
            """
        )
        parts = 1 + self._count("rows WHERE outcome = ''") // ROWS_AT_ONCE
        for part in range(parts):
            self._run(
                f"""
                INSERT INTO pairs
                WITH open AS (
                    SELECT number, place, shingle, size, bits, lower(db_name) AS db,
                        row_number() OVER (PARTITION BY db, shingle ORDER BY place) AS nth
                    FROM prefix JOIN placed USING (number) JOIN rows USING (number)
                    WHERE outcome = '' AND shingle % {parts} = {part}
                )
                SELECT DISTINCT a.place, b.place, a.number, b.number
                    FROM open AS a JOIN open AS b ON a.db = b.db AND a.shingle = b.shingle
                        AND b.nth BETWEEN a.nth + 1 AND a.nth + {MATES} AND {may_be_near("a", "b")};
                """
            )
        for part in range(parts):
            self._run(
                f"""
                INSERT INTO near
                SELECT low, high, {similarity("a.shingles", "b.shingles")} AS similarity
                    FROM (SELECT DISTINCT * FROM pairs WHERE other % {parts} = {part}) AS found
                        JOIN texts AS a ON a.number = one JOIN texts AS b ON b.number = other
                    WHERE similarity >= {NEAR};
                """
            )
        return self._count("near")

    def _drop_over_caps(self, caps: Caps) -> None:
        for outcome, key, most in (
            ("template_cap", "template", caps.per_template),
            ("database_cap", "lower(db_name)", caps.per_database),
        ):
            if most:
                self._keep_first(f"PARTITION BY {key} ORDER BY rank, chance, number", str(most), outcome)
        self._drop_synthetic(caps.synthetic_share)
        if caps.mix:
            counts = dict(self._all("SELECT difficulty, count(*) FROM rows WHERE outcome = '' GROUP BY difficulty"))
            total = min((counts.get(level, 0) / share for level, share in caps.mix.items() if share), default=0)
            shown = " ".join(f"WHEN '{level}' THEN {int(total * caps.mix.get(level, 0.0))}" for level in LEVELS)
            self._keep_first(
                "PARTITION BY difficulty ORDER BY rank, chance, number",
                f"CASE difficulty {shown} ELSE 0 END",
                "difficulty_mix",
            )

    def _drop_synthetic(self, share: float) -> None:
        """Keep so many rows of synthesis that they have no more than their share of all."""
        others = self._count(f"rows WHERE outcome = '' AND rank < {SYNTHETIC_RANK}")
        if others and share < 1:
            most = int(share / (1 - share) * others + 1e-9)
            order = f"PARTITION BY rank >= {SYNTHETIC_RANK} ORDER BY rank, chance, number"
            self._keep_first(
                order, f"CASE WHEN rank >= {SYNTHETIC_RANK} THEN {most} ELSE {others} END", "synthetic_share"
            )

    def _drop_leaks(self, split: SplitKind) -> None:
        """What is held out stays, and test before validation; what is like it on another side goes."""
        equal = ["question", *(["program"] if "program" in FORBIDDEN[split] else [])]
        self._keep_validation(MAX_VALIDATION_LINES)
        for kept, other in (("'test'", "validation"), ("'test', 'validation'", "train")):
            self._run(f"CREATE OR REPLACE TABLE kept AS SELECT * FROM rows WHERE outcome = '' AND side IN ({kept})")
            for key in equal:
                self._run(
                    f"""
                    UPDATE rows SET outcome = 'leak',
                        detail = 'same {key} as ' || kept.question_id || ' in ' || kept.side
                    FROM kept WHERE rows.outcome = '' AND rows.side = '{other}' AND kept.{key} = rows.{key}
                    """
                )
            self._run(
                f"""
                UPDATE rows SET outcome = 'leak', detail = 'question near ' || leaks.question_id || ' in ' || held ||
                    printf(' (similarity %.2f)', similarity)
                FROM (
                    WITH pairs AS (
                        SELECT DISTINCT kept.number AS one, rows.number AS other
                        FROM kept JOIN prefix AS a ON a.number = kept.number JOIN prefix AS b ON b.shingle = a.shingle
                            JOIN rows ON rows.number = b.number
                        WHERE rows.outcome = '' AND rows.side = '{other}' AND {may_be_near("a", "b")}
                    )
                    SELECT other, kept.question_id, kept.side AS held,
                        {similarity("a.shingles", "b.shingles")} AS similarity
                    FROM pairs JOIN texts AS a ON a.number = one JOIN texts AS b ON b.number = other
                        JOIN kept ON kept.number = one
                    WHERE similarity >= {NEAR}
                ) AS leaks WHERE rows.number = other
                """
            )

    def _drop_validation_over_limit(self) -> None:
        self._keep_validation(most_validation_lines(self._count("rows WHERE outcome = '' AND side = 'train'")))

    def _keep_validation(self, most: int) -> None:
        """Keep so many validation rows, whole templates first: which do not depend on what else is in the set."""
        order = f"PARTITION BY side ORDER BY md5(template || '{self._seed}'), chance, number"
        self._keep_first(order, f"CASE side WHEN 'validation' THEN {most} ELSE 1000000000000 END", "validation_cap")

    def _keep_first(self, window: str, most: str, outcome: str) -> None:
        """Leave out, as `outcome`, open rows beyond the first `most` of their window."""
        self._run(
            f"""
            UPDATE rows SET outcome = '{outcome}', detail = 'one of ' || "all" || ', of which ' || most || ' stay'
            FROM (
                SELECT number, {most} AS most, row_number() OVER ({window}) AS nth,
                    count(*) OVER ({window.partition(" ORDER BY ")[0]}) AS "all"
                FROM rows WHERE outcome = ''
            ) AS ordered WHERE ordered.number = rows.number AND nth > most
            """
        )

    def _run(self, sql: str) -> None:
        self._connection.execute(sql)

    def _all(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()

    def _count(self, table: str) -> int:
        return int(self._all(f"SELECT count(*) FROM {table}")[0][0])


def _parts(rows: Iterable[tuple[str, str]], size: int = 10_000) -> Iterator[list[tuple[str, str]]]:
    each = iter(rows)
    while part := list(islice(each, size)):
        yield part
