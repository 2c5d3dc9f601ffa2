"""The rows that benchmarks of proof run on."""

from __future__ import annotations

from utils.core.paths import QUESTIONS_DIR, WorkDir
from utils.core.questions import question_files, read_questions
from utils.databases.catalog import built_in_entries, find_entry
from utils.proof.settings import ProofSettings
from utils.proof.tasks import ProofTask


def corpus_tasks(settings: ProofSettings) -> list[ProofTask]:
    """Every question of the corpus with a program and gold SQL."""
    entries = built_in_entries(WorkDir())
    files = question_files(None, QUESTIONS_DIR, exclude="basic_questions.csv")
    questions = [row.question for row in read_questions(files)]
    return [
        ProofTask(one.question_id, one.pydough, one.gold_sql, find_entry(entries, one.db_name), settings)
        for one in questions
        if one.pydough and one.gold_sql
    ]
