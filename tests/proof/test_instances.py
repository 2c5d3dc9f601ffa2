"""Made databases keep every promise of keys and graph, and hold what tells programs apart."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.proof.fuzzing.support import facts_of, town
from utils.core.paths import QUESTIONS_DIR, WorkDir
from utils.core.questions import read_questions
from utils.core.records import Question
from utils.databases.catalog import built_in_entries
from utils.databases.data_rules import DataRules
from utils.databases.profile import DatabaseProfile
from utils.programs.clock import pin_clock
from utils.proof.answers import Query
from utils.proof.desk import Desk
from utils.proof.fuzzing.filling import stored_columns
from utils.proof.instances import Instance, InstanceBuilder

ROOT = Path(__file__).parents[2]
BUSINESS = [row.question for row in read_questions([QUESTIONS_DIR / "tpch.csv", QUESTIONS_DIR / "broker.csv"])]
VISITS = (
    "SELECT p.name, COUNT(v.number) FROM city AS c JOIN person AS p ON p.city_id = c.id "
    "LEFT JOIN visit AS v ON v.person_id = p.id WHERE c.label = 'Ulm' AND p.weight >= 62.5 AND p.born < '2001-05-06' "
    "GROUP BY p.id HAVING COUNT(v.number) > 3 ORDER BY 2 DESC LIMIT 5"
)
ALTERNATIVES = (
    "SELECT id FROM person WHERE weight > 5 AND (name = 'Ada' OR code = 'b' OR born < '2001-01-01' OR city_id = 2) "
    "AND CASE WHEN boss_id IS NULL THEN 1 WHEN boss_id > 1 THEN 2 ELSE 3 END < 3"
)


def broken_promises(instance: Instance, profile: DatabaseProfile) -> list[str]:
    """Every promise of keys, nulls and links that an instance does not keep."""
    found = []
    for name, rows in instance.tables.items():
        table = profile.tables[name]
        order = stored_columns(table)
        for key in table.unique:
            cells = [tuple(row[order.index(one)] for one in key) for row in rows]
            cells = [one for one in cells if None not in one]
            if len(set(cells)) < len(cells):
                found.append(f"{name}: {key} repeats")
        for column in table.columns:
            if not column.nullable and any(row[order.index(column.name)] is None for row in rows):
                found.append(f"{name}.{column.name} is null")
    for link in profile.links:
        if link.child not in instance.tables or link.parent not in instance.tables:
            continue
        children, parents = (stored_columns(profile.tables[name]) for name in (link.child, link.parent))
        used = [tuple(row[children.index(c)] for c in link.columns) for row in instance.tables[link.child]]
        known = {tuple(row[parents.index(c)] for c in link.parent_columns) for row in instance.tables[link.parent]}
        if not link.unmatched_keys.allowed and {key for key in used if None not in key} - known:
            found.append(f"{link.name}: unmatched")
        if not link.null_keys.allowed and any(None in key for key in used):
            found.append(f"{link.name}: null")
        if not link.childless_parents.allowed and known - set(used):
            found.append(f"{link.name}: childless")
        if link.single and max(Counter(key for key in used if None not in key).values(), default=0) > 1:
            found.append(f"{link.name}: several children")
    return found


@pytest.fixture(scope="module")
def desks(databases: WorkDir) -> dict[str, Desk]:
    entries = built_in_entries(databases)
    return {name: Desk(entries[name], DataRules(), None) for name in entries}


@pytest.mark.parametrize("question", BUSINESS, ids=lambda question: question.question_id)
def test_instances_keep_what_keys_and_graph_promise(question: Question, desks: dict[str, Desk]) -> None:
    desk = desks[question.db_name]
    gold = Query(question.gold_sql or "", desk.dialect)
    made = desk.instances(gold, gold, desk.clocks(gold, gold, False))
    for number in range(3):
        instance = made.builder.build(number)
        assert broken_promises(instance, desk.profile) == []
        largest = max(len(rows) for rows in instance.tables.values())
        assert largest >= 80 and all(instance.tables.values())
        desk.hold(instance.tables)  # the database's own checks hold, too
        for name, rows in instance.tables.items():
            table = f'"{desk.profile.tables[name].name}"'
            assert desk.on_instance(5)(f"SELECT COUNT(*) FROM {table}") == [(len(rows),)]


@pytest.mark.parametrize("rules", [DataRules(), DataRules("yes", "yes", "yes"), DataRules("no", "no", "no")])
@settings(deadline=None, max_examples=25)
@given(number=st.integers(0, 500), seed=st.text("abc", max_size=3))
def test_promises_are_kept_under_all_rules(rules: DataRules, number: int, seed: str) -> None:
    profile = town(rules)
    instance = InstanceBuilder(profile, facts_of(VISITS, profile), seed).build(number)
    assert broken_promises(instance, profile) == []


def test_what_may_occur_does() -> None:
    profile = town(DataRules("yes", "yes", "yes"))
    builder = InstanceBuilder(profile, facts_of(VISITS, profile), "seed")
    strict = town(DataRules("no", "no", "no"))
    odd = Counter()
    for number in range(12):
        odd.update(broken_promises(builder.build(number), strict))
    assert {what.split(": ")[-1] for what in odd} >= {"childless", "null", "unmatched"}


def test_constants_are_met_and_missed_by_a_hair() -> None:
    profile = town()
    builder = InstanceBuilder(profile, facts_of(VISITS, profile), "seed")
    weights, born, labels, groups = Counter(), Counter(), Counter(), Counter()
    for number in range(12):
        tables = builder.build(number).tables
        order = stored_columns(profile.tables["person"])
        weights.update(row[order.index("weight")] for row in tables["person"])
        born.update(row[order.index("born")] for row in tables["person"])
        labels.update(row[1] for row in tables["city"])
        groups.update(Counter(row[0] for row in tables["visit"]).values())
    assert min(weights[62.5], weights[62.49], weights[62.51], weights[None]) > 0
    assert min(born["2001-05-06"], born["2001-05-05"], born["2001-05-07"]) > 0
    assert born[None] > 0, "may be null, and never is in the original"
    assert labels["Ulm"] and len([text for text in labels if text.lower() == "ulm"]) > 1
    assert min(groups[3], groups[4]) > 0


def test_two_instances_differ_and_one_is_always_the_same() -> None:
    profile = town()
    builder = InstanceBuilder(profile, facts_of(VISITS, profile), "seed")
    assert builder.build(0) == InstanceBuilder(profile, facts_of(VISITS, profile), "seed").build(0)
    assert builder.build(0).tables != builder.build(1).tables
    assert builder.build(0).tables != InstanceBuilder(profile, facts_of(VISITS, profile), "other").build(0).tables


def test_what_a_builder_made_before_makes_no_difference() -> None:
    profile = town()
    facts = facts_of(VISITS, profile) | facts_of(ALTERNATIVES, profile)
    facts |= facts_of("SELECT id FROM person WHERE born > date('now', '-1 month')", profile)

    def builder() -> InstanceBuilder:
        clocks = ("2024-03-31 09:05:07", "2022-10-16 12:00:00")
        return InstanceBuilder(profile, facts, "seed", clocks, lambda sql, now: pin_clock(sql, "sqlite", now))

    asked = [(0, None, 1), (1, None, 1), (2, "2021-02-28 23:59:58", 1), (2, None, 3), (2, None, 1), (14, None, 1)]
    used = builder()
    made = [used.build(*one) for one in asked]
    assert repr(made) == repr([builder().build(*one) for one in asked])  # 1 and 1.0 are not the same here
    assert repr(made) == repr([used.build(*one) for one in asked])
    assert len(set(map(repr, made))) == len(asked)


def test_instances_are_the_same_in_every_process() -> None:
    code = (
        "from tests.proof.test_instances import digest\n"
        "print(digest())"
    )  # fmt: skip
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert found == {digest() + "\n"}


def digest() -> str:
    """A hash of some instances."""
    profile = town()
    made = []
    for sql in (VISITS, ALTERNATIVES):
        builder = InstanceBuilder(profile, facts_of(sql, profile), "seed")
        made += [builder.build(number).tables for number in range(8)]
    return hashlib.sha256(repr(made).encode()).hexdigest()


def test_where_a_query_asks_for_large_groups_there_are_some() -> None:
    profile = town()
    sql = "SELECT person_id FROM visit GROUP BY person_id HAVING COUNT(*) >= 150"
    builder = InstanceBuilder(profile, facts_of(sql, profile), "seed")
    sizes = [
        max(Counter(row[0] for row in builder.build(number).tables["visit"]).values()) for number in range(12)
    ]  # fmt: skip
    assert sum(size >= 150 for size in sizes) >= 4
    usual, grown = (len(builder.build(0, growth=growth).tables["visit"]) for growth in (1, 3))
    assert grown > 2 * usual
