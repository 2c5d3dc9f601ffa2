"""Proof on a real Ray cluster of two nodes on this machine, one of which is lost in the middle."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from tests.proof.test_proof_command import lines, prove, table
from utils.core.console import UserError
from utils.core.paths import QUESTIONS_DIR, WorkDir
from utils.core.questions import read_questions
from utils.databases.catalog import built_in_entries
from utils.proof.cluster import ClusterProver
from utils.proof.settings import ProofSettings
from utils.proof.tasks import ProofTask

FEW = ProofSettings(instances=2, twins=False)
NODE = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "object_store_memory": 200_000_000}
WRONG = {
    9: ("unsafe", "import os\nresult = customers"),
    19: ("code_error", "result = ("),
    29: ("code_error", "result = nowhere"),
}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    two_nodes = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    two_nodes.add_node(**NODE)
    yield two_nodes
    ray.shutdown()
    two_nodes.shutdown()


@pytest.fixture(scope="module")
def tasks(databases: WorkDir) -> list[ProofTask]:
    """A hundred programs, some of them wrong."""
    entries = built_in_entries(databases)
    rows = read_questions([QUESTIONS_DIR / "tpch.csv", QUESTIONS_DIR / "broker.csv"])
    found = []
    for number, question in zip(range(100), (row.question for row in rows), strict=False):
        program = WRONG[number % 30][1] if number % 30 in WRONG else question.pydough
        found.append(ProofTask(question.question_id, program or "", question.gold_sql or "", entries[question.db_name]))
    return [replace(task, settings=FEW) for task in found]


def check(tasks: list[ProofTask], found: list) -> None:
    """Every task has the verdict it must have, in its order."""
    assert [task.question_id for task, _verdict in found] == [task.question_id for task in tasks]
    expected = [WRONG.get(number % 30, ("match", ""))[0] for number in range(len(tasks))]
    assert [verdict.status for _task, verdict in found] == expected


@pytest.mark.parametrize("lost", [pytest.param("worker", marks=pytest.mark.slow), "node"])
def test_nothing_is_lost_with_a_node(cluster: Cluster, tasks: list[ProofTask], tmp_path: Path, lost: str) -> None:
    with ClusterProver(cluster.address, cache_folder=tmp_path) as prover:
        found = []
        for one in prover.prove_all(tasks):
            found.append(one)
            if len(found) == 20:
                assert len(prover._actors) == 2
                if lost == "node":
                    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
                else:
                    actor = list(prover._actors.values())[-1]
                    os.kill(ray.get(actor.process.remote()), signal.SIGKILL)
        check(tasks, found)
        assert (prover.kept, prover.proven) == (0, len(tasks))
    with ClusterProver(cluster.address, cache_folder=tmp_path) as prover:
        check(tasks, list(prover.prove_all(tasks)))
        assert prover.kept == len(tasks)
        assert not prover._actors, "what is kept starts nothing"


def test_the_command_proves_on_a_cluster(cluster: Cluster, databases: WorkDir, tmp_path: Path) -> None:
    rows = [
        ("fine", "broker", "result = Broker.CALCULATE(n=COUNT(customers))", "SELECT COUNT(*) FROM sbCustomer"),
        ("wrong", "broker", "result = Broker.CALCULATE(n=COUNT(tickers))", "SELECT COUNT(*) FROM sbCustomer"),
        ("elsewhere", "lost", "result = people", "SELECT 1"),
    ]
    file, out = table(tmp_path / "rows.csv", rows), tmp_path / "verdicts.jsonl"
    graph = built_in_entries(databases)["broker"].graph_path
    done = prove(
        file, "--out", out, "--work-dir", databases.root, "--no-cache", "--engine", "ray",
        "--ray-address", cluster.address, "--graph", f"lost={graph}", "--database", f"lost={tmp_path}/lost.sqlite",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [line["verdict"]["status"] for line in lines(out)] == ["match", "mismatch", "infra_error"]
    assert "lost.sqlite: no such database" in lines(out)[2]["verdict"]["detail"]


@pytest.mark.slow
def test_without_an_address_a_cluster_is_started(tasks: list[ProofTask], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with ClusterProver(workers=1) as prover:
        check(tasks[:11], list(prover.prove_all(tasks[:11])))
    assert not ray.is_initialized()


def test_a_cluster_that_does_not_answer_is_told(tasks: list[ProofTask]) -> None:
    with pytest.raises(UserError, match="no Ray cluster answers"), ClusterProver("127.0.0.1:1") as prover:
        list(prover.prove_all(tasks[:1]))
