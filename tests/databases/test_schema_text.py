import copy
import json

import pydough
import pytest

from utils.core.console import UserError
from utils.core.paths import GRAPHS_DIR
from utils.databases.schema_text import load_graph, load_graphs, schema_json, schema_markdown

LIMITS = {"tpch": 9000, "broker": 6000}  # characters of Markdown


@pytest.fixture(params=sorted(LIMITS))
def graph(request):
    return load_graph(GRAPHS_DIR / f"{request.param}.json", request.param)


def test_pydough_reads_our_graphs(graph):
    path = GRAPHS_DIR / f"{graph['name'].lower()}.json"
    parsed = pydough.parse_json_metadata_from_file(str(path), graph["name"])
    assert sorted(parsed.get_collection_names()) == sorted(item["name"] for item in graph["collections"])


def test_markdown_tells_every_collection_property_and_relationship(graph):
    text = schema_markdown(graph)
    assert len(text) < LIMITS[graph["name"].lower()]
    blocks = {block.splitlines()[0].removeprefix("## "): block for block in text.split("\n\n")}
    for collection in graph["collections"]:
        block = blocks[collection["name"]]
        assert collection["description"] in block
        for item in collection["properties"]:
            assert f"\n- {item['name']}: {item['data type']}. {item['description']}" in block
    arrows = [line for line in text.splitlines() if " -> " in line]
    assert len(arrows) == len(graph["relationships"])


def test_markdown_tells_keys_targets_and_plurality():
    text = schema_markdown(load_graph(GRAPHS_DIR / "broker.json", "broker"))
    assert "Unique: (ticker_id, date)" in text
    customers = text.split("## customers")[1].split("## ")[0]
    assert "- transactions_made -> many transactions." in customers
    transactions = text.split("## transactions")[1]
    assert "- customer -> one customers." in transactions
    assert "- ticker -> one tickers." in transactions


def test_sample_values_are_shown_unless_the_description_names_them_all():
    graph = {
        "name": "G",
        "version": "V2",
        "relationships": [],
        "collections": [
            {
                "name": "c",
                "description": "",
                "unique properties": ["a"],
                "properties": [
                    {
                        "name": "a",
                        "data type": "string",
                        "description": "buy or sell",
                        "sample values": ["buy", "sell"],
                    },
                    {"name": "b", "data type": "numeric", "description": "from 10", "sample values": [1, 10]},
                ],
            }
        ],
    }
    text = schema_markdown(graph)
    assert "- a: string. buy or sell\n" in text
    assert "- b: numeric. from 10 (e.g. 1, 10)\n" in text


def test_json_tells_the_same(graph):
    text = schema_json(graph)
    assert "\n" not in text and ": " not in text.split('"description"')[0]
    collections = json.loads(text)["collections"]
    assert list(collections) == [item["name"] for item in graph["collections"]]
    assert sum(len(item["relationships"]) for item in collections.values()) == len(graph["relationships"])
    for collection in graph["collections"]:
        told = collections[collection["name"]]
        assert told["unique"] == collection["unique properties"]
        assert list(told["properties"]) == [item["name"] for item in collection["properties"]]


def test_load_graph_by_name_in_any_case_or_the_only_one(tmp_path):
    graph = load_graph(GRAPHS_DIR / "broker.json", "BROKER")
    assert load_graph(GRAPHS_DIR / "broker.json", "something else") == graph
    other = copy.deepcopy(graph)
    other["name"] = "Second"
    both = tmp_path / "both.json"
    both.write_text(json.dumps([graph, other]))
    assert load_graph(both, "second")["name"] == "Second"
    with pytest.raises(UserError, match="Broker, Second"):
        load_graph(both, "third")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[{", ":1: not JSON"),
        (b'{"name": "G"}', "JSON list"),
        (b"[]", "JSON list"),
        (b'[{"version": "V2"}]', "no 'name'"),
        (b'[{"name": "G", "version": "V1"}]', "PyDough accepts only 'V2'"),
        (b'[{"name": "G", "version": "V2", "collections": {}}]', "'collections' is not a list"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_bad_graph_files_are_told_in_one_line(tmp_path, content, said):
    path = tmp_path / "graph.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as raised:
        load_graphs(path)
    assert said in str(raised.value) and str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_graph_file(tmp_path):
    with pytest.raises(UserError, match="no such graph file"):
        load_graphs(tmp_path / "none.json")
