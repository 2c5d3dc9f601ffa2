"""The ways that stage 4 is compared with: everything in memory by pandas, and Hugging Face datasets.

`python -m benchmarks.naive_release pandas|datasets STAGES OUT` reads generated.jsonl and questions.csv of STAGES, joins
them by question id, drops unproven and equal rows, splits one in ten off by lot and writes two JSONL files into OUT.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from utils.dataset.sft import SYSTEM_INSTRUCTION, sft_record


def with_pandas(stages: Path, out: Path) -> None:
    """Read, join, drop and write whole tables."""
    import pandas as pd

    rows = pd.read_json(stages / "generated.jsonl", lines=True)
    questions = pd.read_csv(stages / "questions.csv")
    joined = rows.merge(questions[["question_id", "db_name"]], on="question_id", suffixes=("", "_known"))
    kept = joined[joined["status"] == "accepted"].drop_duplicates(["db_name", "question"])
    kept = kept.drop_duplicates(["db_name", "program"])
    records = pd.DataFrame([_record(row) for row in kept[["question", "program"]].to_dict("records")])
    validation = records.sample(frac=0.1, random_state=0)
    records.drop(validation.index).to_json(out / "train.jsonl", orient="records", lines=True, force_ascii=False)
    validation.to_json(out / "validation.jsonl", orient="records", lines=True, force_ascii=False)


def with_datasets(stages: Path, out: Path) -> None:
    """The same as a chain of filters and maps over an Arrow file; equal rows are known by a set of them."""
    import datasets

    cache = str(out / "cache")
    rows = datasets.load_dataset("json", data_files=str(stages / "generated.jsonl"), split="train", cache_dir=cache)
    questions = datasets.load_dataset("csv", data_files=str(stages / "questions.csv"), split="train", cache_dir=cache)
    known = set(questions["question_id"])
    seen: set[tuple[str, str]] = set()

    def is_new(row: dict[str, Any]) -> bool:
        keys = {(row["db_name"], row["question"]), (row["db_name"], row["program"])}
        if row["status"] != "accepted" or row["question_id"] not in known or keys & seen:
            return False
        seen.update(keys)
        return True

    kept = rows.filter(is_new).map(_record, remove_columns=rows.column_names)
    divided = kept.train_test_split(test_size=0.1, seed=0)
    divided["train"].to_json(out / "train.jsonl", force_ascii=False)
    divided["test"].to_json(out / "validation.jsonl", force_ascii=False)


def _record(row: dict[str, Any]) -> dict[str, Any]:
    return sft_record(SYSTEM_INSTRUCTION, row["question"], row["program"])


if __name__ == "__main__":
    way, stages_folder, out_folder = sys.argv[1:]
    Path(out_folder).mkdir(parents=True, exist_ok=True)
    {"pandas": with_pandas, "datasets": with_datasets}[way](Path(stages_folder), Path(out_folder))
