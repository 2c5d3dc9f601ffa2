"""Which search finds the section that answers: `make bench-retrieval`.

Writes benchmarks/results/retrieval.json. Labelled queries of benchmarks/retrieval_queries/ are put to our manual: by
words (SQLite's FTS5, plain and as we search it), by meaning, by both, to bm25s, and to a real R2R server where one is
installed (`make r2r`). `tuned.csv` is what weights were chosen on; `held_out.csv` was written by others, was never
looked at for a choice, and gives the figures that count. recall@k: the share of queries for which a section that
answers is among the first k; MRR: the mean of 1/rank of the first one, 0 beyond ten. benchmarks/retrieval_scale.py
measures an index of 50,000 chunks.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

from benchmarks.retrieval_scale import measure_scale
from retriver.chunks import chunk_folder, path_parts
from retriver.embedded import SEARCH_MODES, open_index
from retriver.encoder import semantic_packages_missing
from utils.core.console import run_script
from utils.core.jsonl import whole_file
from utils.core.paths import KNOWLEDGE_DIR, PROJECT_ROOT

RESULTS = PROJECT_ROOT / "benchmarks" / "results" / "retrieval.json"
QUERIES = PROJECT_ROOT / "benchmarks" / "retrieval_queries"
DEPTH = 10

Search = Callable[[str], list[str]]  # the headings found for a query, best first


@dataclass(frozen=True)
class LabelledQuery:
    """A query and the headings of the sections that answer it."""

    query: str
    sections: frozenset[str]
    names_operation: bool


def main() -> int:
    """Measure, print and write the figures."""
    sets = {split: read_labelled(QUERIES / f"{split}.csv") for split in ("tuned", "held_out")}
    figures: dict[str, Any] = {f"queries_{_short(split)}": len(queries) for split, queries in sets.items()}
    figures["queries_heldout_without_operation"] = sum(not query.names_operation for query in sets["held_out"])
    methods: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, opened in _methods(Path(folder)):
            with opened as search:
                methods[name] = {split: evaluate(search, queries) for split, queries in sets.items()}
            held_out = methods[name]["held_out"]
            print(f"{name:14}", "  ".join(f"{key} {value:8.3f}" for key, value in held_out.items()), flush=True)
    figures["fts5_recall5_heldout"] = methods["fts5"]["held_out"]["recall_5"]
    if "hybrid" in methods:
        figures["hybrid_recall5_heldout"] = methods["hybrid"]["held_out"]["recall_5"]
    figures |= measure_scale()
    for name, value in figures.items():
        print(f"{name:34} {value:>10}")
    with whole_file(RESULTS) as stream:
        json.dump(figures | {"methods": methods}, stream, indent=2, ensure_ascii=False)
        stream.write("\n")
    return 0


def read_labelled(file: Path) -> list[LabelledQuery]:
    """The queries of a CSV file with the columns query, sections (separated by semicolons), names_operation."""
    with open(file, encoding="utf-8", newline="") as stream:
        return [
            LabelledQuery(
                row["query"],
                frozenset(part.strip() for part in row["sections"].split(";") if part.strip()),
                row["names_operation"] == "yes",
            )
            for row in csv.DictReader(stream)
        ]


def evaluate(search: Search, queries: list[LabelledQuery]) -> dict[str, float]:
    """recall_1, recall_5, mrr, recall_5_without (queries that name no operation), and milliseconds a query."""
    ranks, times = [], []
    for one in queries:
        started = time.perf_counter()
        found = search(one.query)
        times.append((time.perf_counter() - started) * 1000)
        ranks.append(next((rank for rank, heading in enumerate(found, 1) if heading in one.sections), 0))
    unnamed = [rank for rank, one in zip(ranks, queries, strict=True) if not one.names_operation]
    return {
        "recall_1": round(mean(rank == 1 for rank in ranks), 3),
        "recall_5": round(mean(1 <= rank <= 5 for rank in ranks), 3),
        "mrr": round(mean(1 / rank if rank else 0.0 for rank in ranks), 3),
        "recall_5_without": round(mean(1 <= rank <= 5 for rank in unnamed), 3),
        "ms_median": round(median(times), 2),
    }


def _methods(folder: Path) -> Iterator[tuple[str, Any]]:
    yield "fts5 plain", _plain_fts5()
    yield "bm25s", _bm25s()
    for mode in SEARCH_MODES:
        if mode == "keywords" or not semantic_packages_missing():
            yield "fts5" if mode == "keywords" else mode, _embedded(folder, mode)
    from tests.r2r_server import is_installed, running_server

    if is_installed():
        yield "r2r", _r2r(running_server)


@contextmanager
def _embedded(folder: Path, mode: Any) -> Iterator[Search]:
    with closing(open_index(KNOWLEDGE_DIR, folder, mode)) as index:
        index.search("warm", DEPTH)
        yield lambda query: [_heading(passage.path) for passage in index.search(query, DEPTH)]


@contextmanager
def _plain_fts5() -> Iterator[Search]:
    """What SQLite alone gives: porter stems, the heading four times the text, any of the query's words."""
    import re
    import sqlite3

    chunks = chunk_folder(KNOWLEDGE_DIR)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE plain USING fts5(heading, text, tokenize = 'porter')")
        connection.executemany("INSERT INTO plain VALUES (?, ?)", ((chunk.path, chunk.text) for chunk in chunks))
        sql = "SELECT heading FROM plain WHERE plain MATCH ? ORDER BY bm25(plain, 4, 1) LIMIT ?"

        def search(query: str) -> list[str]:
            any_of = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", query))
            return [_heading(row[0]) for row in connection.execute(sql, (any_of, DEPTH))] if any_of else []

        yield search


@contextmanager
def _bm25s() -> Iterator[Search]:
    """bm25s with its own stop words and Snowball stems, over headings and text."""
    import bm25s
    import Stemmer

    chunks = chunk_folder(KNOWLEDGE_DIR)
    stemmer = Stemmer.Stemmer("english")

    def tokens(texts: list[str]) -> Any:
        return bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False)

    index = bm25s.BM25()
    index.index(tokens([f"{chunk.path}\n{chunk.text}" for chunk in chunks]), show_progress=False)

    def search(query: str) -> list[str]:
        rows, _scores = index.retrieve(tokens([query]), k=DEPTH, show_progress=False)
        return [chunks[row].heading for row in rows[0]]

    yield search


@contextmanager
def _r2r(running_server: Any) -> Iterator[Search]:
    from retriver.r2r_backend import R2RRetriever

    with running_server() as server:
        retriever = R2RRetriever(server.base_url, server.api_key)
        retriever.ingest(chunk_folder(KNOWLEDGE_DIR), "knowledge")
        yield lambda query: [_heading(passage.path) for passage in retriever.search(query, DEPTH)]


def _heading(path: str) -> str:
    return path_parts(path)[-1]


def _short(split: str) -> str:
    return split.replace("_", "")


if __name__ == "__main__":
    sys.exit(run_script(lambda _argv=None: main()))
