"""What is to be proven, and what identifies it."""

from __future__ import annotations

from dataclasses import dataclass, field

from utils.databases.catalog import DatabaseEntry
from utils.proof.settings import ProofSettings


@dataclass(frozen=True)
class ProofTask:
    """One program to prove: against `gold_sql`, on the database and graph of `entry`."""

    question_id: str
    program: str
    gold_sql: str
    entry: DatabaseEntry
    settings: ProofSettings = field(default_factory=ProofSettings)
