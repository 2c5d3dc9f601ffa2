"""Hostile programs in a real run: each ends as its own status, and the row after it is right."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from utils.core.paths import WorkDir
from utils.core.records import Verdict
from utils.databases.catalog import built_in_entries
from utils.proof.runner import Prover
from utils.proof.settings import ProofSettings
from utils.proof.tasks import ProofTask

FINE = "result = Broker.CALCULATE(n=COUNT(customers))"
GOLD = "SELECT COUNT(*) FROM sbCustomer"
END = "\nresult = customers"
MARK = "/tmp/written-by-a-hostile-program"
ATTACHED = "/tmp/attached-by-a-hostile-program"

UNSAFE = {
    "import os": "import os\nos.system('id')",
    "import as": "import subprocess as s\ns.run(['id'])",
    "import from": "from shutil import rmtree\nrmtree('/')",
    "import by name": "__import__('os').system('id')",
    "importlib": "import importlib\nimportlib.import_module('os')",
    "import of a submodule": "import pydough.unqualified",
    "import of builtins": "import builtins\nbuiltins.open('/etc/passwd')",
    "ctypes": "import ctypes\nctypes.string_at(0)",
    "threads": "import threading\nthreading.Thread(target=print).start()",
    "processes": "import multiprocessing\nmultiprocessing.Process().start()",
    "signals": "import signal\nsignal.alarm(1)",
    "sys.exit": "import sys\nsys.exit(0)",
    "exit": "exit()",
    "raise SystemExit": "raise SystemExit",
    "subclasses": "x = ().__class__.__base__.__subclasses__()",
    "class of a collection": "x = customers.__class__",
    "mro": "x = ''.__class__.__mro__",
    "globals of a function": "x = (lambda: 0).__globals__",
    "code of a function": "def f():\n    return 1\nx = f.__code__",
    "dict of a collection": "x = customers.__dict__",
    "builtins by name": "x = __builtins__['eval']('1')",
    "getattr": "x = getattr(customers, '__cla' + 'ss__')",
    "setattr": "setattr(customers, 'name', 1)",
    "type": "T = type('T', (), {})",
    "vars": "x = vars()",
    "globals": "x = globals()['__builtins__']",
    "locals": "x = locals()",
    "eval": "x = eval('1')",
    "exec": "exec('import os')",
    "compile": "x = compile('1', 'x', 'eval')",
    "open": f"open('{MARK}', 'w')",
    "read .env": "secret = open('.env').read()",
    "input": "x = input()",
    "breakpoint": "breakpoint()",
    "memoryview": "x = memoryview(b'x')",
    "print": "print('noise')",
    "format": "x = '{0.__class__}'.format(customers)",
    "format_map": "x = '{c.__class__}'.format_map({'c': customers})",
    "f-string": "x = f'{customers.__class__}'",
    "f-string within a format": "x = f'{customers:{customers.__class__}}'",
    "frame of a generator": "g = (i for i in [1])\nx = g.gi_frame.f_back.f_builtins",
    "class statement": "class C:\n    pass",
    "try and except": "try:\n    x = 1\nexcept Exception:\n    pass",
    "while": "while True:\n    x = 1",
    "with": "with open('x') as f:\n    pass",
    "global": "def f():\n    global x\n    x = 1",
    "del": "del customers",
    "async": "async def f():\n    await x",
    "walrus": "x = [y := 1]",
    "yield": "def f():\n    yield 1",
    "decorator": "@list\ndef f():\n    return 1",
    "matrix of nodes": "match customers:\n    case _:\n        pass",
    "patch pydough": "pydough.range_collection = 5",
    "patch datetime": "datetime.date = 5",
    "patch a property": "customers.name = 5",
    "active session": "s = pydough.active_session",
    "session by import": "from pydough import active_session",
    "to_df": "x = pydough.to_df(customers)",
    "to_sql": "x = pydough.to_sql(customers)",
    "to_table": "result = customers.to_table('mine')",
    "read_csv": "x = pd.read_csv('/etc/passwd')",
    "pd.eval": "x = pd.eval('1')",
    "pandas' own modules": "x = pd.io.common.os",
    "frame that is written": f"pd.DataFrame([1]).to_pickle('{MARK}')",
    "numpy of a timestamp": f"pd.Timestamp('2020-01-01').to_numpy().tofile('{MARK}')",
    "root of the query": "x = _ROOT",
    "graph of the query": "x = _graph",
    "far too long": "x = 1\n" * 5_000,
}
STOPPED = {  # what no list of allowed words can see: limits end it
    "loop without end": "x = 0\nfor i in range(10 ** 15):\n    x += i",
    "sum of a range": "x = sum(range(10 ** 12))",
    "comprehension bomb": "x = [i for i in range(10 ** 12)]",
    "nested comprehension": "x = [[j for j in range(10 ** 6)] for i in range(10 ** 6)]",
    "set bomb": "x = {i for i in range(10 ** 12)}",
    "list of a range": "x = list(range(10 ** 11))",
    "text bomb": "x = 'a' * 10 ** 12",
    "doubling text": "x = 'a'\nfor i in range(64):\n    x = x + x",
    "doubling list": "x = [1]\nfor i in range(64):\n    x = x + x",
    "power tower": "x = 9 ** 9 ** 9",
    "digits": "x = int('9' * 10 ** 9)",
    "sorted": "x = sorted(range(10 ** 11))",
    "recursion": "def f(n):\n    return f(n + 1)\nx = f(0)",
    "recursion that branches": "def f(n):\n    return f(n - 1) + f(n - 1) if n else 1\nx = f(200)",
    "lambda on itself": "f = lambda f: f(f)\nx = f(f)",
    "deep nesting": "x = " + "(" * 300 + "1" + ")" * 300,
    "map without end": "x = list(map(str, range(10 ** 11)))",
    "padding": "x = f'{1:>999999999999}'",
    "long chain": "result = customers" + ".WHERE(name == 'a')" * 900,
    "a range of numbers that never ends": "result = pydough.range_collection('r', 'n', 0, 10 ** 12, 1)",
    "a frame of objects": "result = pydough.dataframe_collection('c', pd.DataFrame({'x': [customers]}), ['x'])",
    "a frame of functions": "result = pydough.dataframe_collection('c', pd.DataFrame({'x': [len]}), ['x'])",
}
QUERIES = {  # harmless as Python: what they compile to is the trouble
    "cross join without end": (
        "p = transactions.CALCULATE(a=amount).CROSS(daily_prices).CALCULATE(a, c=close).CROSS(transactions)\n"
        "result = p.WHERE(a * c > price).CALCULATE(a, c, price).TOP_K(3, by=(price.ASC(), a.ASC(), c.ASC()))"
    ),
    "ten million rows": "result = transactions.CALCULATE(a=amount).CROSS(transactions).CALCULATE(a, amount)",
    "quoted text": f"result = customers.WHERE(name == \"x'; ATTACH DATABASE '{ATTACHED}' AS x; --\").CALCULATE(name)",
    "quoted text in LIKE": "result = customers.WHERE(LIKE(name, \"' OR load_extension('x') OR '\")).CALCULATE(name)",
    "name of a column": "result = customers.CALCULATE(**{'n\" FROM x; PRAGMA writable_schema = 1; --': name})",
    "name of a range": (
        f"result = pydough.range_collection('r; ATTACH DATABASE \"{ATTACHED}\" AS x', 'n; PRAGMA query_only = 0', 0, 3, 1)"
    ),
    "name of a frame": (
        "f = pd.DataFrame({'a\"); DROP TABLE sbCustomer; --': [1]})\n"
        "result = pydough.dataframe_collection('c\"; DROP TABLE sbCustomer; --', f, [])"
    ),
    "shadowed function": "COUNT = 3\nresult = Broker.CALCULATE(n=COUNT)",
    "shadowed collection": "customers = 3\nresult = customers",
}
HOSTILE = {name: body + END for name, body in UNSAFE.items()}
HOSTILE |= {name: body if "result = " in body else body + END for name, body in STOPPED.items()}
HOSTILE |= QUERIES


@pytest.fixture(scope="module")
def verdicts(databases: WorkDir) -> Iterator[dict[str, tuple[Verdict, Verdict]]]:
    """For every hostile program its verdict, and that of the right one after it, from one run of two workers."""
    os.environ["GOOGLE_API_KEY"] = "never-shown"
    before = {path: path.read_bytes() for path in databases.databases.iterdir()}
    entry = built_in_entries(databases)["broker"]
    settings = ProofSettings(instances=1, query_limit_s=0.5)
    tasks = []
    for name, program in HOSTILE.items():
        tasks.append(ProofTask(name, program, GOLD, entry, settings))
        tasks.append(ProofTask(f"after {name}", FINE, GOLD, entry, settings))
    with Prover(workers=2, limit_s=1.5, memory_mb=500) as prover:
        found = [verdict for _task, verdict in prover.prove_all(tasks)]
    del os.environ["GOOGLE_API_KEY"]
    assert {path: path.read_bytes() for path in databases.databases.iterdir()} == before
    yield dict(zip(HOSTILE, zip(found[::2], found[1::2], strict=True), strict=True))


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 90


@pytest.mark.parametrize("name", UNSAFE)
def test_what_is_not_on_the_list_is_never_run(verdicts: dict[str, tuple[Verdict, Verdict]], name: str) -> None:
    verdict, _ = verdicts[name]
    assert (verdict.status, verdict.instances_tried) == ("unsafe", 0), verdict.detail
    assert verdict.detail.startswith("line ") or name == "far too long"


@pytest.mark.parametrize("name", STOPPED)
def test_limits_end_the_rest(verdicts: dict[str, tuple[Verdict, Verdict]], name: str) -> None:
    verdict, _ = verdicts[name]
    assert verdict.status in ("timeout", "code_error", "unsafe"), verdict
    if name in ("loop without end", "sum of a range", "power tower", "recursion that branches"):
        assert (verdict.status, verdict.detail) == ("timeout", "stopped at the wall-clock limit")
    assert verdict.detail and "\n" not in verdict.detail


@pytest.mark.parametrize("name", QUERIES)
def test_queries_can_only_read(verdicts: dict[str, tuple[Verdict, Verdict]], name: str) -> None:
    verdict, _ = verdicts[name]
    assert verdict.status in ("timeout", "code_error", "mismatch", "unsafe"), verdict


@pytest.mark.parametrize("name", HOSTILE)
def test_the_next_row_is_right(verdicts: dict[str, tuple[Verdict, Verdict]], name: str) -> None:
    _, after = verdicts[name]
    assert (after.status, after.detail) == ("match", "")


def test_nothing_was_written_or_told(verdicts: dict[str, tuple[Verdict, Verdict]]) -> None:
    assert not Path(MARK).exists() and not Path(ATTACHED).exists()
    assert not any("never-shown" in verdict.detail for verdict, _ in verdicts.values())
