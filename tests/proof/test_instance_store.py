"""Instances kept in a file are the ones that were made."""

import multiprocessing
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from utils.proof.compare import Answer
from utils.proof.instances import Instance
from utils.proof.store import InstanceStore

CELLS = st.one_of(st.none(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), st.text(max_size=5))
TABLES = st.integers(1, 4).flatmap(lambda width: st.lists(st.tuples(*[CELLS] * width), max_size=6))


@given(
    tables=st.dictionaries(st.text("ab", min_size=1, max_size=2), TABLES, max_size=3), rows=TABLES, tied=st.booleans()
)
def test_what_is_kept_comes_back(tmp_path_factory, tables, rows, tied) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("store") / "instances.sqlite"
    InstanceStore.create(path)
    answer = Answer(rows, [rows] if tied else None)
    made = [(Instance(0, tables, "2023-12-15 14:30:00", 3), answer), (Instance(1, tables), None)]
    store = InstanceStore(path)
    store.put("key", made)
    store.close()
    again = InstanceStore(path)
    found = [one.unpacked() for one in again.get("key")]
    assert repr(found) == repr(made)  # 1, 1.0 and True are not the same here
    assert again.get("other") == []
    again.close()


def _put(path: Path, key: str) -> None:
    store = InstanceStore(path)
    for number in range(30):
        store.put(key, [(Instance(number, {"t": [(number, key)]}), None)])
    store.close()


def test_processes_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "instances.sqlite"
    InstanceStore.create(path)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_put, args=(path, key)) for key in ("a", "b", "c")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    store = InstanceStore(path)
    assert [len(store.get(key)) for key in ("a", "b", "c")] == [30, 30, 30]
    store.close()
