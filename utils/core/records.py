"""The records that flow through the pipeline; the same on disk (one JSON object a line) and in memory."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

VerdictStatus = Literal[
    "match",  # same rows as the gold SQL
    "mismatch",  # ran, but gave something else
    "quirk",  # gave something else, for a known behaviour of PyDough; see the verdict's lints
    "dialect_split",  # right on its database, something else on the DuckDB twin
    "code_error",  # does not parse, compile or run
    "gold_error",  # the gold SQL itself does not run
    "unsafe",  # not on the allow-list; never run
    "timeout",  # stopped at the time limit
    "degenerate",  # gold gives nothing (no rows, or only nulls), so nothing is proven
    "infra_error",  # the fault is the machine's or the configuration's, not the program's
]
Tier = Literal["gold", "vote", "synthetic+paraphrase", "synthetic", "doc"]


ExampleStatus = Literal[
    "accepted",  # the program is proven
    "invalid",  # the row itself is wrong
    "no_program",  # nobody has written one yet
    "no_gold",  # nothing to prove one against
    "no_agreement",  # of several samples without gold
    "call_failed",  # the model did not answer
    "not_asked",  # target reached, or quota or budget spent
]
NoProgramStatus = Literal[  # what a model gave in place of a program
    "blocked", "safety", "recitation", "max_tokens", "empty", "no_answer", "no_code", "several_codes"
]
EXAMPLE_STATUSES = frozenset((*get_args(ExampleStatus), *get_args(NoProgramStatus), *get_args(VerdictStatus)))


class Record(BaseModel):
    """Base of all records: unknown fields are an error, so that a stale file is noticed."""

    model_config = ConfigDict(extra="forbid")


class Question(Record):
    """A business question about one database, or (db_name "") about the language itself."""

    question_id: str
    db_name: str
    question: str
    definitions: str = ""  # terms the question uses, such as "AR = ..."
    gold_sql: str | None = None
    pydough: str | None = None  # the corpus' own program, where it has one
    tags: list[str] = Field(default_factory=list)
    is_benchmark: bool = False
    source: str = ""  # file name and line, such as "broker.csv:12"

    @property
    def asked(self) -> str:
        """The question with its definitions, as a user turn opens."""
        return f"{self.question}\n\nDefinitions: {self.definitions}" if self.definitions else self.question


class Lint(Record):
    """A place in a program where PyDough is known to answer otherwise than its author may expect."""

    code: str
    line: int
    explanation: str


Cell = None | int | float | str  # a value of a database in its canonical form


class TableRows(Record):
    """Rows of one table, or of a query's answer ("" when its columns have no names)."""

    columns: list[str] = Field(default_factory=list)
    rows: list[list[Cell]] = Field(default_factory=list)
    more: int = 0  # rows left out


class Counterexample(Record):
    """The smallest data found on which a program differs from gold, and both answers on it."""

    tables: dict[str, TableRows]
    gold: TableRows
    program: TableRows
    clock: str | None = None


class Verdict(Record):
    """What proof found out about one program."""

    status: VerdictStatus
    detail: str = ""  # one line: the error, or what differs
    hint: str = ""  # PyDough's own advice on an error
    instances_passed: int = 0  # the original database counts as one
    instances_tried: int = 0
    differs_on: str = ""  # "original", "twin", or the number of the instance made for the query
    reasons: list[str] = Field(default_factory=list)  # what of that data makes the difference; see utils.proof.settings
    accepted: dict[str, int] = Field(default_factory=dict)  # differences that were allowed, by reason
    notes: list[str] = Field(default_factory=list)  # such as a LIMIT that cuts a tie
    lints: list[Lint] = Field(default_factory=list)
    answer: TableRows | None = None  # the program's first rows on the original database
    data_rules: list[str] = Field(default_factory=list)  # what made data was allowed to hold, and who says so
    counterexample: Counterexample | None = None
    ms: float = 0.0
    repeatable: bool = Field(default=True, exclude=True)  # would another run find the same? If not, it is not kept


class Passage(Record):
    """One retrieved piece of a document, and where it stands."""

    passage_id: str
    path: str  # file and headings, such as "windows.md > Windows > RANKING"
    text: str
    score: float = 0.0


class Answer(Record):
    """A basic question about the language and its grounded answer (stage 1's output line)."""

    question_id: str
    question: str
    tags: list[str] = Field(default_factory=list)
    source: str = ""
    status: Literal["answered", "no_passages", "rejected", "invalid", "error"]
    detail: str = ""
    answer: str = ""
    passages: list[Passage] = Field(default_factory=list)
    origin: str = ""  # "extractive", or the model that wrote it
    pydough_version: str = ""


class Example(Question):
    """A question with its program and verdict (output line of stages 2 and 3).

    `status` is one of EXAMPLE_STATUSES: "accepted" when the program is proven, else why it is not.
    """

    status: str
    detail: str = ""
    composed_question: str = ""  # as synthesis put it, where `question` is a model's rewrite of it
    program: str | None = None
    rationale: str = ""  # the model's own words on its program, where it was asked for some
    verdict: Verdict | None = None
    tier: Tier | None = None
    key_terms: list[str] = Field(default_factory=list)
    documentation: str = ""
    passages: list[Passage] = Field(default_factory=list)
    origin: str = ""  # "corpus", or model and attempt, such as "gemini-2.5-flash#2"
    attempts: int = 0
    pydough_version: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the row may enter the training set."""
        return self.status == "accepted"
