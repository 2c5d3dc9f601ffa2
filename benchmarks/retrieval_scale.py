"""An index of 50,000 chunks: how long it takes to build, without vectors, and how long a query takes."""

from __future__ import annotations

import random
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from retriver.chunks import chunk_folder
from retriver.embedded import open_index
from utils.core.paths import KNOWLEDGE_DIR, QUESTIONS_DIR
from utils.core.questions import LANGUAGE_COLUMNS, read_questions

CHUNKS = 50_000
SECTIONS_A_FILE = 500
SEED = 20261126


def measure_scale(chunks: int = CHUNKS) -> dict[str, Any]:
    """build_s_50k (reading, cutting, indexing), p50_ms_50k and p95_ms_50k over the basic questions, index_mb_50k."""
    questions = [
        row.question.question for row in read_questions([QUESTIONS_DIR / "basic_questions.csv"], LANGUAGE_COLUMNS)
    ]
    with tempfile.TemporaryDirectory() as folder:
        docs, cache = Path(folder, "docs"), Path(folder, "cache")
        write_large_manual(docs, chunks)
        started = time.perf_counter()
        index = open_index(docs, cache)
        built = time.perf_counter() - started
        with closing(index):
            times = []
            for question in questions:
                started = time.perf_counter()
                index.search(question, 5)
                times.append((time.perf_counter() - started) * 1000)
        size = sum(file.stat().st_size for file in cache.iterdir())
    return {
        "chunks_50k": chunks,
        "build_s_50k": round(built, 2),
        "p50_ms_50k": round(median(times), 2),
        "p95_ms_50k": round(quantiles(times, n=20)[-1], 2),
        "index_mb_50k": round(size / 1e6, 1),
    }


def write_large_manual(folder: Path, chunks: int) -> None:
    """`chunks` sections under `folder`, of the words of our manual: each is four of its paragraphs, drawn at random."""
    folder.mkdir(parents=True)
    drawn = random.Random(SEED)
    ours = chunk_folder(KNOWLEDGE_DIR)
    texts = [part for chunk in ours for part in chunk.text.split("\n\n")]
    paragraphs = [part for part in texts if "```" not in part and not part.startswith("Also asked as:")]
    for first in range(0, chunks, SECTIONS_A_FILE):
        sections = [
            f"## {drawn.choice(ours).heading} {number}\n\n" + "\n\n".join(drawn.sample(paragraphs, 4))
            for number in range(first, min(first + SECTIONS_A_FILE, chunks))
        ]
        (folder / f"part{first // SECTIONS_A_FILE:03}.md").write_text("\n\n".join(sections) + "\n", encoding="utf-8")
