"""How long the report of a large version takes to write, and to open and search in Chromium.

`python -m benchmarks.report_page --rows 20000` prints the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from utils.core.console import UserError, run_script
from utils.core.jsonl import to_line, whole_file
from utils.dataset.report import write_report
from utils.dataset.sft import SYSTEM_INSTRUCTION, sft_record

CHROMIUM = Path("/usr/bin/chromium")
SEED = 20261126
DATABASES = ("broker", "tpch", "shipping", "clinic", "library")
SIDES = ("train",) * 17 + ("validation", "test", "basicq_train")
REASONS = ("duplicate", "near_duplicate", "mismatch", "code_error", "template_cap", "benchmark", "timeout")
TIERS = ("gold", "gold", "gold", "vote", "synthetic", "synthetic+paraphrase")
LEVELS = ("easy", "medium", "medium", "hard", "expert")
OPERATORS = ("CALCULATE", "WHERE", "ORDER_BY", "TOP_K", "PARTITION", "COUNT", "SUM", "AVG", "RANKING", "HAS", "YEAR")
SUBJECTS = ("customers", "orders", "trades", "suppliers", "shipments", "patients", "loans", "invoices")
ASKS = ("How many {} were there in {}?", "Which five {} brought the most money in {}?", "List all {} of {} by name.")


def write_rows(folder: Path, rows: int, seed: int = SEED) -> dict[str, Any]:
    """Write the files of a version with `rows` generated rows, three in ten of them left out; return its manifest."""
    drawn = random.Random(seed)
    operators: Counter[str] = Counter()
    with ExitStack() as stack:
        names = ("rows", *dict.fromkeys(SIDES))
        files = {name: stack.enter_context(whole_file(folder / f"{name}.jsonl")) for name in names}
        for number in range(rows):
            row = generated_row(drawn, number)
            files["rows"].write(to_line(row))
            if row["outcome"] in files:
                files[row["outcome"]].write(to_line(line_of(row)))
                operators.update(row["operators"])
    return {
        "version": "0123456789ab",
        "created_at": "2026-11-26T08:00:00+00:00",
        "counts": {"3 generate_finetuning_data_gemini": {"rows": rows}},
        "operators": dict(operators.most_common()),
        "operators_unused": ["PREV", "NEXT", "QUANTILE"],
        "versions": {"pydough": "1.0.33"},
    }


def generated_row(drawn: random.Random, number: int) -> dict[str, Any]:
    """A row of rows.jsonl; its question and program have words and a length like real ones."""
    written = drawn.random() < 0.7
    outcome = drawn.choice(SIDES) if written else drawn.choice(REASONS)
    language = outcome.startswith("basicq")
    subject, year = drawn.choice(SUBJECTS), drawn.randint(1995, 2024)
    used = drawn.sample(OPERATORS, 4)
    steps = "\n".join(
        f"step{step} = {subject}.{name}(amount > {drawn.randint(1, 999)})" for step, name in enumerate(used)
    )
    status = "match" if outcome not in ("mismatch", "code_error", "timeout") else outcome
    return {
        "question_id": f"q{number}",
        "db_name": "" if language else drawn.choice(DATABASES),
        "outcome": outcome,
        "detail": "" if written else f"same question as q{drawn.randrange(number + 1)}",
        "tier": ("doc" if language else drawn.choice(TIERS)) if written else None,
        "origin": "gemini-2.5-flash#1",
        "source": f"{'basic_questions' if language else 'made'}.csv:{number + 2}",
        "is_benchmark": outcome == "benchmark",
        "question": f"{drawn.choice(ASKS).format(subject, year)} (number {number})",
        "program": f"{steps}\nresult = step3",
        "difficulty": "" if language else drawn.choice(LEVELS),
        "operators": used,
        "template": f"{drawn.randrange(1 << 48):012x}",
        "tokens": int(drawn.lognormvariate(7.4, 0.7)) if written else 0,
        "verdict": None if language else {"status": status, "instances_passed": 11, "instances_tried": 11},
        "result": {"columns": ["name", "amount"], "rows": [["a", drawn.randint(1, 9999)], ["b", None]], "more": 3},
    }


def line_of(row: dict[str, Any]) -> dict[str, Any]:
    """The training line of a generated row; rows of one database share its schema."""
    schema = f"\n\nDatabase Schema:\n{schema_of(row['db_name'])}" if row["db_name"] else ""
    return sft_record(SYSTEM_INSTRUCTION, row["question"] + schema, row["program"])


def schema_of(database: str) -> str:
    """A schema text of about 6,000 characters."""
    tables = (f"## {subject}\nAll {subject} of {database}.\n" for subject in SUBJECTS)
    columns = "\n".join(f"- column{number}: numeric. A value of the row." for number in range(15))
    return "\n".join(f"{table}{columns}\n" for table in tables)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium; raises UserError when it is not installed."""
    if not CHROMIUM.exists():
        raise UserError(f"{CHROMIUM}: not found; install it with: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def measure_opening(browser: Browser, report: Path, words: str = "suppliers money 2003") -> dict[str, float]:
    """Milliseconds until the page is there with its rows, and until a search of all rows has its count."""
    page = browser.new_page()
    page.goto("about:blank")
    started = time.perf_counter()
    page.goto(report.resolve().as_uri())
    page.wait_for_selector("#list li")
    opened = time.perf_counter()
    page.fill("#q", words)
    page.locator("#count", has_text=" of ").wait_for()
    searched = time.perf_counter()
    page.close()
    return {"open_ms": round((opened - started) * 1000), "search_ms": round((searched - opened) * 1000)}


def measure_report(rows: int) -> dict[str, float]:
    """Seconds to write the report of `rows` generated rows, its megabytes, and `measure_opening`."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        manifest = write_rows(folder, rows)
        started = time.perf_counter()
        write_report(folder, manifest)
        written = time.perf_counter() - started
        report = folder / "report.html"
        size = report.stat().st_size / 1e6
        with chromium() as browser:
            opening = measure_opening(browser, report)
    return {"rows": rows, "write_s": round(written, 2), "mb": round(size, 1), **opening}


def main(argv: list[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000, help="generated rows (default %(default)s)")
    print(json.dumps(measure_report(parser.parse_args(argv).rows)))
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
