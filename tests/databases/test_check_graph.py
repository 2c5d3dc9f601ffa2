import copy
import json
import sqlite3

import duckdb
import pytest

from utils.core.console import UserError, run_script
from utils.core.paths import GRAPHS_DIR
from utils.databases import check_graph
from utils.databases.catalog import built_in_entries, file_url

ROWS = """
CREATE TABLE owner (id INTEGER, name VARCHAR, born DATE, town VARCHAR, glad BOOLEAN);
INSERT INTO owner VALUES (1, 'Ann', '2001-02-03', 'Ulm', true), (2, 'Bo', '2001-02-04', 'Ulm', false),
    (3, 'Cy', NULL, NULL, NULL);
CREATE TABLE item (owner_id INTEGER, slot INTEGER, price DOUBLE, note VARCHAR);
INSERT INTO item VALUES (1, 1, 2.5, '12'), (1, 2, 3.5, '13'), (2, 1, 2.5, 'x'), (9, 1, 1.0, NULL), (NULL, 3, 1.0, NULL);
"""


def prop(name, column, data_type, *samples):
    found = {"name": name, "type": "table column", "column name": column, "data type": data_type}
    return found | ({"sample values": list(samples)} if samples else {})


def true_graph():
    return {
        "name": "Small",
        "version": "V2",
        "collections": [
            {
                "name": "owners",
                "type": "simple table",
                "table path": "main.owner",
                "unique properties": ["key", "name", "born"],
                "properties": [
                    prop("key", "id", "numeric", 1, 3),
                    prop("name", "name", "string", "Ann"),
                    prop("born", "born", "datetime", "2001-02-03"),
                    prop("town", "town", "string"),
                    prop("glad", "glad", "bool"),
                ],
            },
            {
                "name": "items",
                "type": "simple table",
                "table path": "main.item",
                "unique properties": [["owner_key", "slot"]],
                "properties": [
                    prop("owner_key", "owner_id", "numeric"),
                    prop("slot", "slot", "numeric", 2),
                    prop("price", "price", "numeric", 2.5, 1),
                    prop("note", "note", "string", "x"),
                ],
            },
        ],
        "relationships": [
            {
                "name": "items",
                "type": "simple join",
                "parent collection": "owners",
                "child collection": "items",
                "singular": False,
                "always matches": False,
                "keys": {"key": ["owner_key"]},
            },
            {
                "name": "owner",
                "type": "reverse",
                "original parent": "owners",
                "original property": "items",
                "singular": True,
                "always matches": False,
            },
        ],
    }


@pytest.fixture(params=["sqlite", "duckdb"])
def url(request, tmp_path):
    path = tmp_path / f"small.{request.param}"
    if request.param == "sqlite":
        with sqlite3.connect(path) as connection:
            connection.executescript(ROWS)
    else:
        with duckdb.connect(str(path)) as connection:
            connection.execute(ROWS)
    return file_url(request.param, path)


def violations(graph, url, tmp_path):
    path = tmp_path / "graph.json"
    path.write_text(json.dumps([graph]))
    return check_graph.check_graph(path, graph["name"], url).violations


def test_a_true_graph_has_no_violation(url, tmp_path):
    assert violations(true_graph(), url, tmp_path) == []


def collection(graph, name):
    return next(item for item in graph["collections"] if item["name"] == name)


def set_property(name, prop_name, **changes):
    def apply(graph):
        item = next(item for item in collection(graph, name)["properties"] if item["name"] == prop_name)
        item.update({key.replace("_", " "): value for key, value in changes.items()})

    return apply


def set_unique(name, keys):
    return lambda graph: collection(graph, name).update({"unique properties": keys})


def set_relationship(index, **changes):
    return lambda graph: graph["relationships"][index].update(
        {key.replace("_", " "): value for key, value in changes.items()}
    )


def set_path(name, path):
    return lambda graph: collection(graph, name).update({"table path": path})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            set_unique("owners", ["town"]),
            "collection owners: 'town' is claimed unique, but 1 values occur more than once",
        ),
        (
            set_unique("items", ["owner_key", "slot", "price"]),
            "collection items: 'owner_key' is claimed unique, but 1 values occur more than once",
        ),
        (
            set_unique("items", [["slot", "price"]]),
            "collection items: ('slot', 'price') are together claimed unique, but 1 values occur more than once",
        ),
        (
            set_relationship(0, singular=True),
            "relationship owners.items: is claimed singular, but 1 rows of owners match more than one row of items",
        ),
        (
            set_relationship(0, always_matches=True),
            "relationship owners.items: is claimed always to match, but 1 rows of owners match no row of items",
        ),
        (
            set_relationship(1, always_matches=True),
            "relationship items.owner: is claimed always to match, but 2 rows of items match no row of owners",
        ),
        (set_path("items", "main.nothing"), "collection items: table main.nothing does not exist or cannot be read"),
        (
            set_property("owners", "town", column_name="city"),
            "collection owners: 'town' reads column city, which does not exist",
        ),
        (
            set_property("owners", "name", sample_values=["Ann", "Zoe"]),
            "collection owners: 'name' has sample values that do not occur: 'Zoe'",
        ),
        (
            set_property("items", "price", sample_values=[2.5, 77]),
            "collection items: 'price' has sample values that do not occur: 77",
        ),
        (set_property("items", "note", data_type="numeric"), "collection items: 'note' is claimed to be numeric, but"),
        (set_property("items", "slot", data_type="string"), "collection items: 'slot' is claimed to be string, but"),
        (
            set_property("owners", "town", data_type="datetime"),
            "collection owners: 'town' is claimed to be datetime, but",
        ),
        (set_property("owners", "key", data_type="bool"), "collection owners: 'key' is claimed to be bool, but"),
    ],
)
def test_each_false_claim_is_found(url, tmp_path, spoil, said):
    graph = true_graph()
    spoil(graph)
    found = violations(graph, url, tmp_path)
    assert any(line.startswith(said) for line in found), found


def test_a_singular_relationship_with_two_keys(url, tmp_path):
    graph = true_graph()
    graph["relationships"].append(
        {
            "name": "twin",
            "type": "simple join",
            "parent collection": "items",
            "child collection": "items",
            "singular": True,
            "always matches": False,
            "keys": {"slot": ["slot"], "price": ["price"]},
        }
    )
    assert violations(graph, url, tmp_path) == [
        "relationship items.twin: is claimed singular, but 2 rows of items match more than one row of items"
    ]
    graph["relationships"][-1]["keys"]["owner_key"] = ["owner_key"]
    assert violations(graph, url, tmp_path) == []


def test_what_is_no_equality_is_said_to_be_untested(url, tmp_path, capsys):
    graph = true_graph()
    graph["relationships"].append(
        {
            "name": "all_items",
            "type": "cartesian product",
            "parent collection": "owners",
            "child collection": "items",
            "always matches": True,
        }
    )
    path = tmp_path / "graph.json"
    path.write_text(json.dumps([graph]))
    assert check_graph.main([str(path), "--database", url]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{path}: relationship owners.all_items: cartesian product, not tested"
    assert lines[1].endswith("0 false, 1 not tested")


@pytest.mark.parametrize("stem", ["tpch", "broker"])
@pytest.mark.parametrize("suffix", ["", "_duckdb"])
def test_our_graphs_claim_nothing_false(built, capsys, stem, suffix):
    entry = built_in_entries(built)[stem + suffix]
    assert check_graph.main([str(entry.graph_path), "--database", entry.url]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert "0 false, 0 not tested" in lines[0]


def test_a_false_claim_on_our_data_exits_with_1(built, tmp_path, capsys):
    graph = json.loads((GRAPHS_DIR / "broker.json").read_text())
    customers = copy.deepcopy(graph)
    collection(customers[0], "customers")["unique properties"] = ["_id", "name"]
    collection(customers[0], "transactions")["unique properties"] = ["kpx"]
    path = tmp_path / "broker.json"
    path.write_text(json.dumps(customers))
    assert check_graph.main([str(path), "--work-dir", str(built.root)]) == 1
    out = capsys.readouterr().out
    assert f"{path}: collection customers: 'name' is claimed unique, but 13 values occur more than once\n" in out
    assert "'kpx' is claimed unique" in out
    assert "2 false" in out


def test_a_key_of_tpch_is_not_one_of_its_parts(built, tmp_path):
    graph = json.loads((GRAPHS_DIR / "tpch.json").read_text())[0]
    collection(graph, "supply_records")["unique properties"] = ["part_key", "supplier_key"]
    found = violations(graph, built_in_entries(built)["tpch"].url, tmp_path)
    assert found == [
        "collection supply_records: 'part_key' is claimed unique, but 2000 values occur more than once",
        "collection supply_records: 'supplier_key' is claimed unique, but 100 values occur more than once",
    ]


def test_wrong_usage_is_told_in_one_line(built, tmp_path, capsys):
    other = true_graph()
    single, both, refused = tmp_path / "one.json", tmp_path / "both.json", tmp_path / "refused.json"
    single.write_text(json.dumps([other]))
    both.write_text(json.dumps([other, other | {"name": "Twin"}]))
    refused.write_text(json.dumps([other | {"surprise": 1}]))
    for argv, said in (
        ([str(single)], "none of ours"),
        ([str(both)], "choose one with --graph-name"),
        ([str(both), "--graph-name", "Third"], "it holds Small, Twin"),
        ([str(single), "--database", "nowhere.sqlite"], "no such database"),
        ([str(refused), "--database", built_in_entries(built)["tpch"].url], "PyDough refuses graph Small"),
    ):
        assert run_script(lambda argv=argv: check_graph.main(argv)) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1 and said in lines[0], lines


def test_a_missing_database_raises(tmp_path):
    path = tmp_path / "graph.json"
    path.write_text(json.dumps([true_graph()]))
    with pytest.raises(UserError):
        check_graph.check_graph(path, "Small", file_url("sqlite", tmp_path / "none"))
