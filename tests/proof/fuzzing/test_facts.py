"""What is read off a query."""

from dataclasses import replace

import pytest

from tests.proof.fuzzing.support import facts_of, town
from utils.databases.reflection import DeclaredView

JOINED = "person AS p JOIN city AS c ON c.id = p.city_id"


@pytest.mark.parametrize(
    ("sql", "constants"),
    [
        ("SELECT id FROM person WHERE weight > 60", {("person", "weight", 60)}),
        ("SELECT id FROM person WHERE weight BETWEEN 60 AND 70.5", {("person", "weight", 60), ("person", "weight", 70.5)}),
        ("SELECT id FROM person WHERE -3 < weight", {("person", "weight", -3)}),
        ("SELECT id FROM person AS p WHERE p.name IN ('Ada', 'Bo')", {("person", "name", "Ada"), ("person", "name", "Bo")}),
        ("SELECT 1 FROM (SELECT name AS n FROM person) AS s WHERE n = 'Ada'", {("person", "name", "Ada")}),
        ("WITH s AS (SELECT name AS n FROM person) SELECT 1 FROM s WHERE n = 'Ada'", {("person", "name", "Ada")}),
        ("SELECT 1 FROM city AS c WHERE EXISTS (SELECT 1 FROM person WHERE city_id = c.id AND weight = 5)", {("person", "weight", 5)}),
        ("SELECT SUM(CASE WHEN weight > 5 THEN 1 END) FROM person", {("person", "weight", 5)}),
        ("SELECT SUBSTR(name, 2, 3) FROM person", {("person", "name", 2), ("person", "name", 3)}),
        ("SELECT name FROM person GROUP BY name HAVING SUM(weight) > 100", {("person", "weight", 100)}),
        ("SELECT name FROM person GROUP BY name HAVING COUNT(weight) > 100", set()),
        ("SELECT 1 FROM (SELECT ROW_NUMBER() OVER (ORDER BY weight) AS place FROM person) AS s WHERE place = 7", set()),
        ("SELECT ROUND(weight, 2) FROM person", set()),
        ("SELECT 1 FROM nowhere WHERE x = 3", set()),
    ],
)  # fmt: skip
def test_constants_belong_to_the_columns_whose_values_meet_them(sql: str, constants: set) -> None:
    assert facts_of(sql).constants == constants


def test_patterns_parts_and_letter_case() -> None:
    facts = facts_of("SELECT 1 FROM person WHERE LOWER(name) LIKE 'a%' AND INSTR(code, '@') > 0")
    assert facts.patterns == {("person", "name", "a%")}
    assert ("person", "code", "@") in facts.parts
    assert facts.cased == {("person", "name")}


def test_what_must_be_evaluated_stays_an_expression() -> None:
    facts = facts_of("SELECT 1 FROM person WHERE born >= DATE('now', '-6 months')")
    assert facts.expressions == {("person", "born", "DATE('now', '-6 months')")}
    assert facts.constants == set()


def test_counts_and_limits() -> None:
    facts = facts_of("SELECT name FROM person GROUP BY name HAVING COUNT(*) > 4 ORDER BY 1 LIMIT 6 OFFSET 2")
    assert (facts.counts, facts.limits) == ({4}, {6, 2})


def test_compared_columns_are_pairs() -> None:
    facts = facts_of("SELECT 1 FROM person WHERE born < seen")
    assert facts.pairs == {(("person", "born"), ("person", "seen"))}


def test_tables_and_columns_of_every_part() -> None:
    facts = facts_of(f"SELECT c.label FROM {JOINED} WHERE p.id NOT IN (SELECT person_id FROM visit)")
    assert facts.tables == {"person", "city", "visit"}
    assert facts.columns >= {("city", "label"), ("person", "city_id"), ("visit", "person_id"), ("person", "id")}
    assert ("person", "weight") not in facts.columns
    assert ("person", "weight") in facts_of("SELECT * FROM person").columns


def test_a_view_is_what_it_stands_for() -> None:
    light = DeclaredView("light", "CREATE VIEW light AS SELECT id AS n, city_id FROM person WHERE weight < 50")
    nested = DeclaredView("nested", "CREATE VIEW nested AS SELECT n FROM light")
    profile = replace(town(), views=(light, nested))
    facts = facts_of("SELECT n FROM nested WHERE n > 7", profile)
    assert facts.tables == {"person"}
    assert facts.constants == {("person", "weight", 50), ("person", "id", 7)}


def test_conditions_hold_together_by_alternative() -> None:
    facts = facts_of(
        f"SELECT 1 FROM {JOINED} WHERE p.weight > 5 AND c.label = 'Ulm' AND (p.name = 'a' OR p.code = 'b')"
    )
    heavy, either, first, second = (
        '"weight" > 5',
        "\"name\" = 'a' OR \"code\" = 'b'",
        "\"name\" = 'a'",
        "\"code\" = 'b'",
    )
    sets = {(table, frozenset(conditions)) for table, _branch, conditions in facts.conditions}
    assert sets == {
        ("city", frozenset(["\"label\" = 'Ulm'"])),
        ("person", frozenset([heavy, either])),
        ("person", frozenset([heavy, either, first])),
        ("person", frozenset([heavy, either, second])),
    }


def test_the_facts_of_two_queries_are_those_of_each() -> None:
    one, other = facts_of("SELECT 1 FROM person WHERE weight > 5"), facts_of("SELECT 1 FROM city WHERE label = 'x'")
    both = one | other
    assert both.constants == one.constants | other.constants and both.tables == {"person", "city"}
    assert both.key() == (other | one).key() != one.key()
