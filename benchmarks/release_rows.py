"""Generated rows for stage 4: as many as wanted, of many templates, with equal and nearly equal ones among them."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path

from utils.core.jsonl import whole_file
from utils.core.records import Answer, Example, Verdict

_OF = ("accounts", "orders", "parcels", "visits", "payments", "claims", "tickets", "shipments", "invoices", "meters")
_WHERE = ("Lyon", "Oslo", "Porto", "Ghent", "Turin", "Graz", "Cork", "Bern", "Malmo", "Gdansk", "Split", "Riga")
_KIND = ("small", "late", "open", "urgent", "foreign", "disputed", "renewed", "pledged", "returned", "seasonal")
_BY = ("weight", "price", "age", "distance", "delay", "margin", "rating", "length", "volume", "balance")
_STEPS = (
    "WHERE({by} > {n})", "WHERE(HAS(lines))", "ORDER_BY({by}.DESC())", "CALCULATE(key, x={by} * {n})",
    "CALCULATE(key, n=COUNT(lines))", "CALCULATE(key, t=SUM(lines.{by}))", "TOP_K({n}, by={by}.ASC())",
    "WHERE(ISIN(city, ('{where}',)))", "CALCULATE(key, r=RANKING(by={by}.ASC()))", "WHERE(STARTSWITH(name, '{where}'))",
)  # fmt: skip


def write_stages(folder: Path, rows: int, seed: int = 0) -> tuple[Path, Path, Path]:
    """Write `rows` rows of stage 3, ten answers of stage 1 and the question file; their paths in this order."""
    folder.mkdir(parents=True, exist_ok=True)
    generated, answers, questions = folder / "generated.jsonl", folder / "basicq.jsonl", folder / "questions.csv"
    with (
        whole_file(generated) as stream,
        open(questions, "w", encoding="utf-8", newline="") as table,
    ):
        writer = csv.writer(table)
        writer.writerow(("question_id", "db_name", "question"))
        for row in generated_rows(rows, seed):
            stream.write(row.model_dump_json() + "\n")
            writer.writerow((row.question_id, row.db_name, row.question))
    with whole_file(answers) as stream:
        for number in range(10):
            answer = Answer(question_id=f"a{number}", question=f"Question {number}?", status="answered", answer="So.")
            stream.write(answer.model_dump_json() + "\n")
    return generated, answers, questions


def generated_rows(rows: int, seed: int = 0) -> Iterator[Example]:
    """Rows of stage 3: nine in ten proven, one in ten equal or nearly equal to the one before it."""
    dice = random.Random(seed)
    verdict = Verdict(status="match", instances_passed=6, instances_tried=6)
    before: Example | None = None
    for number in range(rows):
        words = {"of": dice.choice(_OF), "where": dice.choice(_WHERE), "kind": dice.choice(_KIND)}
        words |= {"by": dice.choice(_BY), "n": str(dice.randrange(1, 5000))}
        steps = dice.sample(_STEPS, dice.randint(1, 5))
        program = "result = " + ".".join([words["of"], *(step.format(**words) for step in steps)])
        doing = ", then ".join(_said(step).format(**words) for step in steps)
        question = (
            f"Of the {words['kind']} {words['of']} of {words['where']}: {doing}. How does it look for no. {number}?"
        )
        row = Example(
            question_id=f"g{number}",
            db_name="broker" if number % 2 else "tpch",
            question=question,
            source=f"questions.csv:{number + 2}",
            status="accepted" if dice.random() < 0.9 else "mismatch",
            program=program,
            verdict=verdict,
            tier="gold",
            origin="generated",
            pydough_version="1.0.33",
        )
        if before and dice.random() < 0.05:
            row = row.model_copy(update={"question": before.question, "db_name": before.db_name})
        elif before and dice.random() < 0.05:
            row = row.model_copy(update={"question": f"Please: {before.question}", "db_name": before.db_name})
        before = row
        yield row


def _said(step: str) -> str:
    """A step in words, as far as a question needs them to be its own."""
    return step.split("(")[0].lower().replace("_", " ") + " {by} over {n}" + (" per line" if "lines" in step else "")
