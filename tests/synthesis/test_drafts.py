"""Drafts: none twice, nothing that a file has already, and no database that ends the run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.synthesis.poor import poor_database
from utils.core.paths import PROJECT_ROOT, WorkDir
from utils.core.questions import SYNTHETIC, normal_question
from utils.core.records import Example, Question
from utils.databases.catalog import DatabaseEntry, built_in_entries, file_url
from utils.programs.normal_form import forms
from utils.synthesis.drafts import Drafter, Taken
from utils.synthesis.hints import read_hints
from utils.synthesis.mix import operator_profile
from utils.synthesis.reading import read_model
from utils.synthesis.rows import SyntheticRows
from utils.synthesis.settings import Limits, SynthesisSettings


def _drafter(entry: DatabaseEntry, taken: Taken, seed: int = 1) -> Drafter:
    return Drafter(entry, read_model(entry), read_hints(entry.graph_path), seed, taken)


@pytest.fixture(autouse=True)
def _few_draws_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("utils.synthesis.drafts._DRAWS_A_PROFILE", 25)


@pytest.fixture(scope="module")
def broker(databases: WorkDir) -> DatabaseEntry:
    return built_in_entries(databases)["broker"]


def test_no_question_and_no_program_comes_twice_and_templates_are_capped(broker: DatabaseEntry) -> None:
    drafter = _drafter(broker, Taken())
    drafts = list(drafter.drafts(250, Limits(per_template=1)))
    assert len(drafts) > 60
    for of in (
        lambda one: normal_question(one.question),
        lambda one: forms(one.program).normal_form,
        lambda one: one.forms.template,
    ):
        assert len({of(draft) for draft in drafts}) == len(drafts)
    assert sum(drafter.refused.values()) + len(drafts) == 250


def test_the_same_seed_drafts_the_same_and_what_is_known_is_left_out(broker: DatabaseEntry) -> None:
    first = [draft.program for draft in _drafter(broker, Taken()).drafts(60)]
    assert first == [draft.program for draft in _drafter(broker, Taken()).drafts(60)]
    taken = Taken(programs={forms(program).normal_form for program in first})
    again = _drafter(broker, taken)
    assert not {draft.program for draft in again.drafts(60)} & set(first)
    assert again.refused["a program that was written"] > 0


_QUESTIONS = """
import sys
from pathlib import Path
from random import Random
from tests.synthesis.test_drafts import _drafter
from utils.core.paths import WorkDir
from utils.databases.catalog import built_in_entries
from utils.synthesis.drafts import Taken
from utils.synthesis.english import render_question
from utils.synthesis.hints import read_hints
from utils.synthesis.pydough import render_pydough
from utils.synthesis.reading import read_model
from utils.synthesis.sampling import FAMILIES, Sampler
from utils.synthesis.sql import render_sql
entry = built_in_entries(WorkDir(Path(sys.argv[1])))["tpch"]
print(*(draft.question for draft in _drafter(entry, Taken()).drafts(40)), sep="\\n")
model, hints, dice = read_model(entry), read_hints(entry.graph_path), Random(1)
sampler = Sampler(model, 1)
for n in range(1500):
    if intent := sampler.draw(FAMILIES if n % 2 else {"per_parent": 1.0, "whole": 1.0, "groups": 1.0}):
        print(render_question(intent, model, hints, dice), render_pydough(intent, model, dice))
        print(render_sql(intent, model, "sqlite"))
"""


def test_another_process_drafts_the_same(databases: WorkDir) -> None:
    """Sets are in another order in every process, and no choice may hang on that."""
    command = [sys.executable, "-c", _QUESTIONS, str(databases.root)]
    running = [
        subprocess.Popen(command, cwd=PROJECT_ROOT, env=os.environ | {"PYTHONHASHSEED": seed}, stdout=subprocess.PIPE)
        for seed in "123"
    ]
    printed = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0] * 3
    assert printed[0].count(b"\n") > 2_000
    assert set(printed) == {printed[0]}


def test_levels_come_in_the_shares_asked_for(broker: DatabaseEntry) -> None:
    drafter = _drafter(broker, Taken())
    mix = {"easy": 0.2, "medium": 0.6, "hard": 0.2}
    levels = Counter(draft.difficulty for draft in drafter.drafts(300, Limits(0, mix)))
    assert set(levels) == set(mix) and levels.total() > 30
    for level, share in mix.items():
        assert levels[level] <= share * levels.total() + 1
    assert drafter.refused["a difficulty that has enough"] > 0


def test_what_is_rare_is_looked_for(broker: DatabaseEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    def seen() -> set[str]:
        drafter = _drafter(broker, Taken(), seed=3)
        return {name for draft in drafter.drafts(400) for name in draft.forms.operators} & drafter.operators

    with_floor = seen()
    monkeypatch.setattr("utils.synthesis.drafts._FLOOR", 0.0)
    assert len(with_floor) > len(seen()) + 3


def test_weekdays_are_numbered_only_where_weeks_begin_on_monday(broker: DatabaseEntry) -> None:
    assert "DAYOFWEEK" in _drafter(broker, Taken()).operators
    assert "DAYOFWEEK" not in _drafter(replace(broker, configs={}), Taken()).operators


def test_operators_come_nearer_to_those_of_the_programs_given(broker: DatabaseEntry) -> None:
    wanted = {"CALCULATE": 1.0, "PARTITION": 1.0, "RANKING": 1.0}
    model, hints = read_model(broker), read_hints(broker.graph_path)
    fitted = Drafter(broker, model, hints, 1, Taken(), wanted)
    plain = Drafter(broker, model, hints, 1, Taken())
    near, far = (operator_profile(draft.program for draft in one.drafts(400)) for one in (fitted, plain))
    assert near["RANKING"] > 1.5 * far["RANKING"]


def _poor(folder: Path) -> DatabaseEntry:
    database, graph = poor_database(folder)
    return DatabaseEntry("poor", graph, "POOR", file_url("sqlite", database), None, {})


def test_a_graph_without_words_gives_no_rows_and_says_why(tmp_path: Path) -> None:
    rows = SyntheticRows([_poor(tmp_path)], [], SynthesisSettings(target=2))
    assert list(rows) == []
    assert rows.refused()["no words for what it speaks of"] > 0
    assert not rows.complete


def test_rows_come_from_every_database_until_enough_are_accepted(databases: WorkDir) -> None:
    entries = built_in_entries(databases)
    rows = SyntheticRows([entries["broker"], entries["tpch"]], [], SynthesisSettings(target=6))
    seen = []
    for row in rows:
        question = row.question
        assert row.origin == SYNTHETIC and question.gold_sql and question.pydough
        seen.append(question.db_name)
        status = "accepted" if len(seen) % 2 else "mismatch"
        rows.take(Example(**question.model_dump(), status=status))
    assert rows.complete
    assert len(seen) == 11  # every other one is accepted
    assert set(seen) == {"broker", "tpch"}


def test_no_database_gives_more_than_it_may(databases: WorkDir) -> None:
    entries = built_in_entries(databases)
    rows = SyntheticRows([entries["broker"], entries["tpch"]], [], SynthesisSettings(target=6, per_database=2))
    seen = Counter()
    for row in rows:
        seen[row.question.db_name] += 1
        rows.take(Example(**row.question.model_dump(), status="accepted"))
    assert seen == {"broker": 2, "tpch": 2}
    assert not rows.complete


def test_what_was_under_way_when_there_were_enough_is_not_taken(broker: DatabaseEntry) -> None:
    rows = SyntheticRows([broker], [], SynthesisSettings(target=9, per_database=2))
    ahead = [row.question for row, _ in zip(rows, range(5), strict=False)]
    done = [Example(**ahead[0].model_dump(), status="mismatch")]
    done += [Example(**question.model_dump(), status="accepted") for question in ahead[1:]]
    assert [rows.take(example) for example in done] == [True, True, True, False, False]
    assert list(rows) == []
    assert rows.told().startswith("2 rows accepted of 9 wanted; ")


def test_questions_of_the_files_are_not_asked_again(broker: DatabaseEntry) -> None:
    first = next(iter(SyntheticRows([broker], [], SynthesisSettings(target=1)))).question
    known = [Question(question_id="k", db_name="broker", question=first.question.upper(), pydough="result = (")]
    second = next(iter(SyntheticRows([broker], known, SynthesisSettings(target=1)))).question
    assert normal_question(second.question) != normal_question(first.question)
