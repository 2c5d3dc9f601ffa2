"""Proof on a real PostgreSQL server."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.databases.graphs import collection, join
from tests.proof.conftest import Prove
from tests.proof.postgres_server import binaries, postgres_server, server_folder
from tests.proof.test_proof_command import lines, prove, table
from utils.core.records import Verdict
from utils.databases.catalog import DatabaseEntry
from utils.databases.connect import connect_read_only
from utils.databases.data_rules import DataRules
from utils.databases.profile import profile_database
from utils.databases.schema_text import load_graph
from utils.proof.settings import DEFAULT_INSTANCES, ProofSettings
from utils.proof.tasks import ProofTask

pytestmark = pytest.mark.skipif(binaries() is None, reason="no PostgreSQL server is installed (Debian: postgresql)")

TABLES = """
CREATE SCHEMA sales;
CREATE TABLE sales.shop (id integer PRIMARY KEY, "Name" text NOT NULL, opened date, size numeric(8, 2), closed boolean);
CREATE TABLE sales.receipt (
    id bigint PRIMARY KEY, shop_id integer NOT NULL REFERENCES sales.shop, paid_at timestamp, total double precision,
    kind varchar(12)
);
INSERT INTO sales.shop
SELECT n, 'Shop ' || n % 9, date '2020-01-01' + n * 11, n * 3.25, n % 3 = 0 FROM generate_series(1, 30) AS n;
INSERT INTO sales.receipt
SELECT n, n % 25 + 1, timestamp '2022-01-01 08:00' + n * interval '13 hours', (n * 37) % 501 / 4.0,
    CASE WHEN n % 4 = 0 THEN 'card' WHEN n % 9 = 0 THEN NULL ELSE 'cash' END
FROM generate_series(1, 900) AS n;
CREATE VIEW sales.card AS SELECT id AS n, total FROM sales.receipt WHERE kind = 'card';
CREATE MATERIALIZED VIEW sales.large AS SELECT n FROM sales.card WHERE total > 100;
ANALYZE;
"""
MATCHES = {
    "count": ("result = SALES.CALCULATE(n=COUNT(shops))", "SELECT COUNT(*) FROM sales.shop"),
    "schema left out": ("result = SALES.CALCULATE(n=COUNT(shops))", "SELECT COUNT(*) FROM shop"),
    "join": (
        "result = shops.CALCULATE(key, name, taken=SUM(receipts.total)).WHERE(taken > 600)",
        'SELECT s.id, s."Name", SUM(r.total) FROM sales.shop AS s JOIN sales.receipt AS r ON r.shop_id = s.id '
        "GROUP BY s.id HAVING SUM(r.total) > 600",
    ),
    "dates": (
        "result = receipts.WHERE((YEAR(paid_at) == 2022) & (kind == 'card')).CALCULATE(key, total)"
        ".TOP_K(5, by=(total.DESC(), key.ASC()))",
        "SELECT id, total FROM sales.receipt WHERE paid_at >= '2022-01-01' AND paid_at < '2023-01-01' "
        "AND kind = 'card' ORDER BY total DESC NULLS LAST, id LIMIT 5",
    ),
    "views": (
        "result = receipts.WHERE((kind == 'card') & (total > 100)).CALCULATE(key)",
        "SELECT n FROM sales.large",
    ),
    "now": (
        "result = shops.WHERE(opened < DATETIME('now', '-3 years')).CALCULATE(key)",
        "SELECT id FROM sales.shop WHERE opened < CURRENT_TIMESTAMP - interval '3 years'",
    ),
}
WRONG = {
    "boundary": ("result = shops.WHERE(size >= 40).CALCULATE(key)", "SELECT id FROM sales.shop WHERE size > 40"),
    "childless": (
        "result = shops.CALCULATE(key, n=COUNT(receipts))",
        "SELECT s.id, COUNT(*) FROM sales.shop AS s JOIN sales.receipt AS r ON r.shop_id = s.id GROUP BY s.id",
    ),
    "view": (
        "result = receipts.WHERE((kind == 'card') & (total >= 100)).CALCULATE(key)",
        "SELECT n FROM large",
    ),
    "case": (
        "result = receipts.WHERE(kind == 'card').CALCULATE(key)",
        "SELECT id FROM sales.receipt WHERE kind ILIKE 'card'",
    ),
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with server_folder() as folder, postgres_server(folder) as address:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(TABLES)
            connection.execute("ALTER DATABASE postgres SET search_path TO sales, public")
        yield address


@pytest.fixture(scope="module")
def entry(url: str, tmp_path_factory: pytest.TempPathFactory) -> DatabaseEntry:
    shops = {
        "key": ("id", "numeric"),
        "name": ('"Name"', "string"),
        "opened": ("opened", "datetime"),
        "size": ("size", "numeric"),
    }
    receipts = {
        "key": ("id", "numeric"),
        "shop_key": ("shop_id", "numeric"),
        "paid_at": ("paid_at", "datetime"),
        "total": ("total", "numeric"),
        "kind": ("kind", "string"),
    }
    graph = {
        "name": "SALES",
        "version": "V2",
        "collections": [
            collection("shops", "sales.shop", "key", shops),
            collection("receipts", "sales.receipt", "key", receipts),
        ],
        "relationships": [
            join("receipts", "shops", "receipts", {"key": ["shop_key"]}, singular=False, **{"always matches": False}),
        ],
    }
    path = tmp_path_factory.mktemp("sales") / "sales.json"
    path.write_text(json.dumps([graph]))
    return DatabaseEntry("sales", path, "SALES", url, now="2023-12-15 14:30:00")


def state(url: str) -> list[tuple]:
    """All tables of the server with their numbers of rows."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT schemaname, relname FROM pg_stat_user_tables WHERE schemaname NOT LIKE 'pg_%' ORDER BY 1, 2"
        ).fetchall()
        return [
            (*name, connection.execute(f"SELECT COUNT(*) FROM {name[0]}.{name[1]}").fetchone()[0]) for name in names
        ]


@pytest.mark.parametrize("name", MATCHES)
def test_a_right_program_is_proven(entry: DatabaseEntry, prove: Prove, name: str) -> None:
    verdict = prove(ProofTask(name, *MATCHES[name], entry))
    assert (verdict.status, verdict.detail) == ("match", "")
    assert verdict.instances_tried > DEFAULT_INSTANCES // 2


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_program_is_told_with_its_reason(entry: DatabaseEntry, prove: Prove, name: str) -> None:
    verdict = prove(ProofTask(name, *WRONG[name], entry))
    assert verdict.status == "mismatch"
    assert verdict.reasons == [{"childless": "childless_parents", "view": "boundary"}.get(name, name)]
    assert verdict.counterexample is not None
    assert verdict.counterexample.gold != verdict.counterexample.program


def test_made_data_never_mixes_with_what_the_server_holds(entry: DatabaseEntry, prove: Prove) -> None:
    gold = "SELECT COUNT(*) FROM sales.shop WHERE EXISTS (SELECT 1 FROM pg_catalog.pg_class)"
    verdict = prove(ProofTask("q", MATCHES["count"][0], gold, entry))
    assert (verdict.status, verdict.instances_tried) == ("match", 1)
    assert verdict.notes == ["gold gives nothing on made data, so the program is proven on the original only"]


def test_an_error_spoils_no_later_query(entry: DatabaseEntry, prove: Prove) -> None:
    fine = MATCHES["count"]
    statuses = [
        prove(ProofTask("q", program, gold, entry)).status
        for program, gold in [fine, (fine[0], "SELECT nothing FROM nowhere"), (fine[0], "SELECT 1 / 0"), fine]
    ]
    assert statuses == ["match", "gold_error", "gold_error", "match"]


def test_the_server_is_left_as_it_was(entry: DatabaseEntry, prove: Prove, url: str) -> None:
    before = state(url)
    for gold in (
        "DELETE FROM sales.receipt RETURNING id",
        "SELECT setval('x', 1)",
        "WITH gone AS (DELETE FROM sales.receipt RETURNING id) SELECT COUNT(*) FROM gone",
        "SELECT COUNT(*) FROM sales.receipt; DROP TABLE sales.receipt",
        "SELECT pg_sleep(60)",
    ):
        program = MATCHES["count"][0]
        task = ProofTask("q", program, gold, entry, ProofSettings(query_limit_s=0.5))
        assert prove(task).status in ("gold_error", "timeout")
    assert state(url) == before
    assert before == [("sales", "large", 46), ("sales", "receipt", 900), ("sales", "shop", 30)]


def test_the_profile_knows_types_keys_and_links(entry: DatabaseEntry) -> None:
    connection = connect_read_only(entry.url)
    profile = profile_database(connection, "postgres", load_graph(entry.graph_path, "SALES"), DataRules())
    connection.close()
    shop = profile.tables["shop"]
    assert {column.name: column.kind for column in shop.columns} == {
        "id": "integer",
        "Name": "text",
        "opened": "date",
        "size": "real",
        "closed": "boolean",
    }
    assert [column.name for column in shop.columns if not column.nullable] == ["id", "Name"]
    (link,) = profile.links
    assert (link.child, link.columns, link.parent, link.parent_columns) == ("receipt", ("shop_id",), "shop", ("id",))
    assert (link.childless_parents.allowed, link.null_keys.allowed, link.unmatched_keys.allowed) == (True, False, False)


def test_the_command_takes_a_server_and_says_no_password(entry: DatabaseEntry, url: str, tmp_path: Path) -> None:
    rows = [(name, "sales", *MATCHES[name]) for name in MATCHES] + [(name, "sales", *WRONG[name]) for name in WRONG]
    file, out = table(tmp_path / "rows.csv", rows), tmp_path / "verdicts.jsonl"
    known = ["--graph", f"sales={entry.graph_path}", "--now", entry.now]
    for address in (url, url.replace("postgresql://", "postgresql+psycopg://")):
        done = prove(file, "--out", out, "--work-dir", tmp_path, *known, "--database", f"sales={address}")
        assert done.returncode == 0, done.stderr
        found = [Verdict.model_validate(line["verdict"]).status for line in lines(out)]
        assert found == ["match"] * len(MATCHES) + ["mismatch"] * len(WRONG)
    closed = "postgresql://proof:very-secret@127.0.0.1:1/postgres"
    done = prove(file, "--out", out, "--work-dir", tmp_path, *known, "--database", f"sales={closed}")
    told = [line["verdict"] for line in lines(out)]
    assert {verdict["status"] for verdict in told} == {"infra_error"}
    assert "cannot be reached" in told[0]["detail"]
    assert "very-secret" not in out.read_text() + done.stdout + done.stderr
