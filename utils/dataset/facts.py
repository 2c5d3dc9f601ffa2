"""What stage 4 decides by: a few facts of each row, taken from the rows in several processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from utils.core.console import UserError
from utils.core.fingerprint import fingerprint
from utils.core.jsonl import numbered_lines, record_or_error
from utils.core.parallel import map_batches
from utils.core.questions import normal_question
from utils.core.records import EXAMPLE_STATUSES, Example, Tier
from utils.dataset.contract import contract_problem, estimated_tokens
from utils.dataset.rendering import Rendering
from utils.dataset.similarity import shingles
from utils.dataset.splits import Side, SplitRule
from utils.programs.allowlist import UnsafeProgramError, check_program
from utils.programs.difficulty import difficulty
from utils.programs.normal_form import forms, template
from utils.programs.source import ProgramError
from utils.programs.structure import structure
from utils.programs.terms import operators

if TYPE_CHECKING:
    from utils.dataset.decontaminate import Contamination  # loads sqlglot and SciPy

TIERS: tuple[Tier, ...] = ("gold", "vote", "synthetic+paraphrase", "synthetic")  # the best proven first
SYNTHETIC_RANK = TIERS.index("synthetic+paraphrase")  # from here on, nobody has asked the questions


class RowFacts(NamedTuple):
    """The facts of one row; of one that has an outcome already, the rest is empty."""

    number: int  # its line
    question_id: str
    db_name: str
    outcome: str = ""  # why it cannot be written
    detail: str = ""
    rank: int = 0  # of its tier
    length: int = 0  # characters of its program
    question: str = ""  # with its definitions, in normal form
    program: int = 0  # hash of its normal form
    template: str = ""
    side: str = ""
    difficulty: str = ""
    operators: str = ""  # separated by spaces
    tokens: int = 0
    shingles: tuple[int, ...] = ()  # of its question's words


@dataclass(frozen=True)
class FactRules:
    """By what rows are rendered, divided and left out one by one."""

    rendering: Rendering
    split: SplitRule
    include_benchmark: bool = False
    tiers: tuple[Tier, ...] = TIERS
    contamination: Contamination | None = None
    unproven: Mapping[int, str] = field(default_factory=dict)  # by line, what a new proof found wrong


def facts_of_file(path: Path, rules: FactRules, workers: int | None = None) -> Iterator[list[RowFacts]]:
    """The facts of a stage 3 file's rows in its order, in batches; a line that cannot be read is `invalid`."""
    return map_batches(numbered_lines(path), partial(_facts_of_lines, path, rules), workers)


def facts_of(row: Example | UserError, number: int, rules: FactRules) -> RowFacts:
    """The facts of one row."""
    if isinstance(row, UserError):
        return RowFacts(number, "", "", "invalid", str(row))
    place = RowFacts(number, row.question_id, row.db_name)
    if row.status not in EXAMPLE_STATUSES:
        return place._replace(outcome="invalid", detail=f"{row.source}: unknown status {row.status[:40]!r}")
    if not row.accepted:
        detail = row.detail or (row.verdict.detail if row.verdict else "")
        level, used = _traits(row.program or "")
        return place._replace(outcome=row.status, detail=detail, difficulty=level, operators=used)
    if not row.question.strip():
        return place._replace(outcome="invalid", detail=f"{row.source}: marked as accepted, but asks nothing")
    if row.verdict is None or row.verdict.status != "match":
        problem = f"{row.source}: marked as accepted, but its verdict is not 'match'"
        return place._replace(outcome="invalid", detail=problem)
    if number in rules.unproven:
        return place._replace(outcome="unproven", detail=rules.unproven[number])
    try:
        check_program(row.program or "")
        return _facts_of_proven(row, place, rules)
    except UnsafeProgramError as error:
        problem = f"{row.source}: marked as accepted, but its program may not be run ({error})"
        return place._replace(outcome="invalid", detail=problem)
    except ProgramError as error:
        problem = f"{row.source}: marked as accepted, but has no program ({error})"
        return place._replace(outcome="invalid", detail=problem)
    except UserError as error:
        return place._replace(outcome="unknown_schema", detail=str(error))


def side_of(row: Example, split: SplitRule) -> Side:
    """The side that a row with a program goes to; raises ProgramError when it does not parse."""
    return split.side(_short(template(row.program or "")), row.db_name, normal_question(row.asked))


def _short(shape: str) -> str:
    return fingerprint(shape)[:12]


def _facts_of_proven(row: Example, place: RowFacts, rules: FactRules) -> RowFacts:
    program = row.program or ""
    written = forms(program)
    question, shape = normal_question(row.asked), _short(written.template)
    record = rules.rendering.record(row)
    per_token = rules.rendering.settings.characters_per_token
    facts = place._replace(
        rank=TIERS.index(row.tier) if row.tier in TIERS else len(TIERS),
        length=len(program),
        question=question,
        program=int(fingerprint(written.normal_form)[:15], 16),
        template=shape,
        side=rules.split.side(shape, row.db_name, question),
        tokens=estimated_tokens(record, per_token),
        shingles=tuple(shingles(row.question)),
        difficulty=difficulty(structure(program)),
        operators=" ".join(written.operators),
    )
    if row.tier not in rules.tiers:
        return facts._replace(
            outcome="other_tier", detail=f"of tier {row.tier}; --tiers takes {', '.join(rules.tiers)}"
        )
    if row.is_benchmark and not rules.include_benchmark:
        return facts._replace(outcome="benchmark", detail="kept out of training; --include-benchmark lets it in")
    if rules.contamination and (found := rules.contamination.finding(row.question, row.gold_sql, program)):
        return facts._replace(outcome="contaminated", detail=found)
    if problem := contract_problem(record, per_token):
        return facts._replace(outcome="contract", detail=problem)
    return facts


def _traits(program: str) -> tuple[str, str]:
    """Difficulty and operators of a program that is not in the set; empty where there is none that parses."""
    try:
        return difficulty(structure(program)), " ".join(operators(program))
    except ProgramError:
        return "", ""


def _facts_of_lines(path: Path, rules: FactRules, lines: list[tuple[int, str]]) -> list[RowFacts]:
    return [facts_of(record_or_error(path, number, line, Example), number, rules) for number, line in lines]
