"""Prove programs on a Ray cluster: one prover a node, databases shipped once to each, nothing lost when a node dies."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants
from ray._private.services import get_node_ip_address
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from sqlalchemy.engine import make_url

from utils.core.console import UserError
from utils.core.fingerprint import file_fingerprint
from utils.core.paths import PROJECT_ROOT
from utils.core.records import Verdict
from utils.databases.catalog import DatabaseEntry, file_url
from utils.databases.connect import database_path, is_file
from utils.programs.sandbox import DEFAULT_LIMIT_S
from utils.programs.walls import DEFAULT_MEMORY_MB
from utils.proof.cache import VerdictCache
from utils.proof.runner import Prover
from utils.proof.tasks import ProofTask

_BATCH = 8  # tasks sent to a node together
_BATCHES_A_NODE = 3  # under way, so that a node never waits for the network
_TRIES = 3
_ANSWER_LIMIT_S = 5.0
_log = logging.getLogger(__name__)
Files = dict[str, "ray.ObjectRef[bytes]"]  # contents by name; the name is a hash of them


class NodeProver:
    """What runs on each node: a prover on its cores, and the databases it was sent."""

    def __init__(self, workers: int, limit_s: float, memory_mb: int) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pydough-proof-"))
        self._prover = Prover(workers, limit_s, memory_mb, self._folder / "cache")

    def prove(self, tasks: Sequence[ProofTask], files: Files) -> list[Verdict]:
        """Prove tasks whose entries name files of `files` in place of paths."""
        for name, content in files.items():
            path = self._folder / name
            if not path.exists():
                part = path.with_suffix(".part")
                part.write_bytes(ray.get(content))
                part.replace(path)
        placed = [replace(task, entry=_placed(task.entry, self._folder)) for task in tasks]
        return [verdict for _task, verdict in self._prover.prove_all(placed)]

    def process(self) -> int:
        """The id of this process on its node."""
        return os.getpid()


@dataclass
class _Batch:
    """Tasks on their way; verdicts of an earlier run stand beside theirs."""

    tasks: list[ProofTask] = field(default_factory=list)
    verdicts: dict[int, Verdict] = field(default_factory=dict)  # by place in the batch
    node: str = ""
    answer: Any = None
    tries: int = 0

    @property
    def open(self) -> list[int]:
        """The places of tasks without a verdict."""
        return [place for place in range(len(self.tasks)) if place not in self.verdicts]


class ClusterProver:
    """Proves on every node of a Ray cluster; the same as `Prover` otherwise. A context manager.

    `address` is the cluster's (None: RAY_ADDRESS, else one is started on this machine); `workers` are processes a node
    (None: one a core that the node offers). Verdicts are kept on this machine, instances on the nodes.
    """

    def __init__(
        self,
        address: str | None = None,
        workers: int | None = None,
        limit_s: float = DEFAULT_LIMIT_S,
        memory_mb: int = DEFAULT_MEMORY_MB,
        cache_folder: Path | None = None,
    ) -> None:
        self._address = address
        self._workers = workers
        self._limits = (limit_s, memory_mb)
        self._cache = VerdictCache(cache_folder / "verdicts.sqlite") if cache_folder else None
        self._actors: dict[str, Any] = {}  # by node id
        self._files: Files = {}
        self._names: dict[tuple[Path, int], str] = {}
        self.kept = 0
        self.proven = 0

    def __enter__(self) -> ClusterProver:
        return self

    def __exit__(self, *_: object) -> None:
        if self._cache is not None:
            self._cache.close()
        if ray.is_initialized():
            for actor in self._actors.values():
                ray.kill(actor)
            ray.shutdown()

    def prove_all(self, tasks: Iterable[ProofTask]) -> Iterator[tuple[ProofTask, Verdict]]:
        """Yield (task, verdict) in the order of tasks; memory does not grow with their number."""
        waiting: deque[_Batch] = deque()
        batch = _Batch()
        for task in tasks:
            verdict = self._cache.get(task) if self._cache else None
            if verdict is not None:
                self.kept += 1
                batch.verdicts[len(batch.tasks)] = verdict
            batch.tasks.append(task)
            if len(batch.tasks) == _BATCH:
                self._send(batch, waiting)
                waiting.append(batch)
                batch = _Batch()
            while len(waiting) >= max(1, len(self._actors)) * _BATCHES_A_NODE or (waiting and not waiting[0].open):
                yield from self._finished(waiting)
        if batch.tasks:
            self._send(batch, waiting)
            waiting.append(batch)
        while waiting:
            yield from self._finished(waiting)

    # batches

    def _send(self, batch: _Batch, others: Iterable[_Batch]) -> None:
        """Send a batch to the node that has the least to do."""
        if not batch.open:
            return
        self._call_nodes()
        sent: list[ProofTask] = []
        files: Files = {}
        for place in batch.open:
            task = batch.tasks[place]
            try:
                entry, needed = self._shipped(task.entry)
            except (UserError, OSError) as error:
                batch.verdicts[place] = Verdict(status="infra_error", detail=str(error))
                continue
            sent.append(replace(task, entry=entry))
            files |= needed
        if not sent:
            return
        busy = [other.node for other in others if other.open]
        batch.node = min(self._actors, key=busy.count)
        batch.tries += 1
        batch.answer = self._actors[batch.node].prove.remote(sent, files)

    def _finished(self, waiting: deque[_Batch]) -> Iterator[tuple[ProofTask, Verdict]]:
        """The verdicts of the first batch, sent again as often as its node dies."""
        batch = waiting.popleft()
        while places := batch.open:
            try:
                verdicts = ray.get(batch.answer)
            except RayError as error:
                self._lose(batch, waiting, error)
                continue
            for place, verdict in zip(places, verdicts, strict=True):
                batch.verdicts[place] = verdict
                self.proven += 1
                if self._cache is not None:
                    self._cache.put(batch.tasks[place], verdict)
        yield from ((task, batch.verdicts[place]) for place, task in enumerate(batch.tasks))

    def _lose(self, batch: _Batch, waiting: deque[_Batch], error: RayError) -> None:
        """Send what a lost node had to others; give a batch up that takes every node with it."""
        _log.warning("a node of the cluster is lost (%s); its tasks go to another", type(error).__name__)
        lost = batch.node
        if lost in self._actors:
            ray.kill(self._actors.pop(lost))
        for one in (batch, *waiting):
            if one.node != lost or not one.open:
                continue
            if one.tries < _TRIES:
                self._send(one, waiting)
            else:
                told = f"{_TRIES} nodes of the cluster died over it: {' '.join(str(error).split())[:200]}"
                one.verdicts |= {place: Verdict(status="infra_error", detail=told) for place in one.open}

    # nodes and files

    def _call_nodes(self) -> None:
        """Connect, and start a prover on every node that has none."""
        if not ray.is_initialized():
            _connect(self._address, self._workers)
        for node in ray.nodes():
            cores = int(node["Resources"].get("CPU", 0))
            if not node["Alive"] or not cores or node["NodeID"] in self._actors:
                continue
            here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            actor = ray.remote(NodeProver).options(scheduling_strategy=here, num_cpus=0, max_restarts=0)
            self._actors[node["NodeID"]] = actor.remote(self._workers or cores, *self._limits)
        if not self._actors:
            raise UserError("the Ray cluster has no node with a core; check `ray status`, or leave --ray-address out")

    def _shipped(self, entry: DatabaseEntry) -> tuple[DatabaseEntry, Files]:
        """An entry that names contents in place of paths, and these contents, put into the cluster once."""
        graph = self._named(entry.graph_path)
        names = [graph]

        def named(url: str) -> str:
            if not is_file(url):
                return url
            names.append(self._named(database_path(url)))
            return make_url(url).set(database=names[-1]).render_as_string(hide_password=False)

        twin_url = named(entry.twin_url) if entry.twin_url else None
        moved = replace(entry, url=named(entry.url), twin_url=twin_url, graph_path=Path(graph))
        return moved, {name: self._files[name] for name in names}

    def _named(self, path: Path) -> str:
        key = (path, path.stat().st_mtime_ns)
        if key not in self._names:
            name = file_fingerprint(path) + path.suffix
            if name not in self._files:
                self._files[name] = ray.put(path.read_bytes())
            self._names[key] = name
        return self._names[key]


def _placed(entry: DatabaseEntry, folder: Path) -> DatabaseEntry:
    """An entry that names contents, with these as files of a folder."""

    def placed(url: str) -> str:
        parsed = make_url(url)
        return file_url(parsed.drivername, folder / str(parsed.database)) if is_file(url) else url

    twin_url = placed(entry.twin_url) if entry.twin_url else None
    return replace(entry, url=placed(entry.url), twin_url=twin_url, graph_path=folder / entry.graph_path)


def _connect(address: str | None, workers: int | None) -> None:
    """Join a cluster, or start one here that listens on loopback only, and send it our code."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = address or os.environ.get("RAY_ADDRESS")
    if address is None or _is_on_loopback(address):
        ray_constants.ENABLE_RAY_CLUSTER = False  # Ray's switch for "this machine is called 127.0.0.1"
    try:
        ray.init(
            address=address,
            num_cpus=None if address else workers,
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"py_modules": [str(PROJECT_ROOT / "utils")]},
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _no_cluster(address, error) from error


def _is_on_loopback(address: str) -> bool:
    """Whether a cluster listens on loopback only; raises UserError where none answers."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():  # "auto", "local"
        return False
    hosts = [host] if host not in ("localhost", "127.0.0.1") else [get_node_ip_address(), "127.0.0.1"]
    for one in hosts:
        with suppress(OSError), socket.create_connection((one, int(port)), timeout=_ANSWER_LIMIT_S):
            return one == "127.0.0.1"
    raise _no_cluster(address, "connection refused")


def _no_cluster(address: str | None, reason: object) -> UserError:
    told = " ".join(str(reason).split())[:300]
    return UserError(f"--ray-address {address}: no Ray cluster answers ({told}); check `ray status` and the address")
