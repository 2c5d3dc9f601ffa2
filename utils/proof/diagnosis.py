"""Why a program differs on an instance, and the smallest data that shows it."""

from __future__ import annotations

from utils.core.records import Counterexample
from utils.proof.bags import Row
from utils.proof.compare import OPEN_ORDER, WRONG_ORDER, Answer, difference
from utils.proof.counterexample import shown_answer, shown_tables, smallest
from utils.proof.desk import InstanceSet
from utils.proof.instances import Instance
from utils.proof.neutral import neutral_versions
from utils.proof.settings import Reason
from utils.proof.trial import Trial


def reasons_of(trial: Trial, instance: Instance, instances: InstanceSet, differs: str) -> list[Reason]:
    """The features of the data without which both give the same; `differs` is what differs with them."""
    if differs == OPEN_ORDER:
        return ["tie"]
    if _agree_with_zeros(trial, instance):
        return ["null_vs_zero"]
    base = trial.desk.entry.now
    if instance.clock is not None and base and instance.clock != base:
        other = instances.builder.build(instance.number, base, instance.growth)
        if trial.agree(other.tables, base):
            return ["clock"]
    for reasons, tables in neutral_versions(instance, instances.builder.wishes):
        if trial.agree(tables, instance.clock):
            if differs == WRONG_ORDER:
                return ["null_order" if reason == "nulls" else reason for reason in reasons]
            return list(reasons)
    return ["other"]


def counterexample_of(trial: Trial, instance: Instance, instances: InstanceSet) -> Counterexample | None:
    """The instance without all rows that the difference does not need, and both answers; None where there is none."""
    clock = instance.clock
    if not trial.differ(instance.tables, clock):
        return None
    profile = trial.desk.profile
    tables = smallest(instance.tables, profile, instances.builder.wishes.links, lambda one: trial.differ(one, clock))
    answer = trial.gold_on(tables, clock)
    try:
        given = trial.candidate_on(tables, clock).rows
    except MemoryError:
        raise
    except Exception:  # a program that fails on this data gives nothing
        given = []
    return Counterexample(
        tables=shown_tables(tables, profile, instances.facts),
        gold=shown_answer(trial.gold.columns, answer.rows if answer else []),
        program=shown_answer(trial.candidate.columns, given),
        clock=clock,
    )


def _agree_with_zeros(trial: Trial, instance: Instance) -> bool:
    """Whether both agree when null counts as 0."""
    answer = trial.gold_on(instance.tables, instance.clock)
    if answer is None:
        return False
    try:
        given = trial.candidate_on(instance.tables, instance.clock)
    except MemoryError:
        raise
    except Exception:
        return False
    return not difference(_with_zeros(answer), _with_zeros(given))


def _with_zeros(answer: Answer) -> Answer:
    """An answer whose nulls are 0."""

    def changed(rows: list[Row]) -> list[Row]:
        return [tuple(0 if cell is None else cell for cell in row) for row in rows]

    groups = answer.tie_groups
    return Answer(changed(answer.rows), groups and [changed(group) for group in groups])
