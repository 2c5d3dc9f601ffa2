"""Hostile programs are refused before they run; what PyDough's users write is let through, and runs."""

import ast
import builtins

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.core.paths import WorkDir
from utils.databases.catalog import built_in_entries
from utils.programs.allowlist import MAX_SOURCE_CHARACTERS, SAFE_BUILTINS, UnsafeProgramError, check_program
from utils.programs.engine import Engine, open_engine
from utils.programs.source import ProgramError

# Each runs harm, or reaches for the means; `result` is added where it is missing.
HOSTILE = [
    # imports
    "import os",
    "import sys",
    "import os as datetime",
    "import os.path",
    "import datetime, subprocess",
    "import pandas.io.common as pd",
    "import pydough.configs",
    "from os import system",
    "from os import *",
    "from datetime import sys",
    "from datetime import *",
    "from pandas import read_csv",
    "from pandas import DataFrame",
    "from pydough import to_table",
    "from pydough.unqualified import UnqualifiedRoot",
    "from . import secrets",
    "from .datetime import date",
    "from __future__ import annotations",
    "import datetime as pd",
    "from datetime import date as pydough",
    # the interpreter, by name
    "eval('1 + 1')",
    "exec('import os')",
    "compile('1', '', 'eval')",
    "open('/etc/passwd')",
    "x = open",
    "getattr(customers, '__class__')",
    "setattr(customers, 'x', 1)",
    "__import__('os').system('true')",
    "__builtins__['open']",
    "globals()",
    "locals()",
    "vars(customers)",
    "dir(customers)",
    "type(customers)",
    "object()",
    "super()",
    "input()",
    "breakpoint()",
    "print('x')",
    "memoryview(b'x')",
    "exit()",
    "quit",
    "help()",
    "map(eval, ['1'])",
    "sorted(['1'], key=eval)",
    "f = lambda x=open: x",
    "def f(x=exec):\n    return x",
    # dunders
    "().__class__.__base__.__subclasses__()",
    "''.__class__.__mro__",
    "customers.__init__.__globals__",
    "(lambda: 0).__code__",
    "(lambda: 0).__globals__['__builtins__']",
    "f = lambda x=().__class__: x",
    "datetime.datetime.__subclasses__()",
    "pd.Timestamp.__globals__",
    "pydough.range_collection.__globals__",
    "x = [c for c in ().__class__.__base__.__subclasses__()]",
    "x = f'{().__class__}'",
    "x = {'a': ().__class__}",
    "x = customers[().__class__:3]",
    "__name__",
    "def __build_class__():\n    return 1",
    "def f(__class__):\n    return 1",
    "f = lambda __x: 1",
    "int.mro()",
    "datetime.date.mro()",
    # text formatting walks attributes
    "'{0.__class__}'.format(customers)",
    "'{a.__class__}'.format_map({'a': 1})",
    "f'{1}'.format(customers)",
    "x = 'a'\nx.format(1)",
    "str.format('{0.__class__}', 1)",
    "'a'.encode('utf-8')",
    # frames
    "(x for x in [1]).gi_frame",
    "g = (x for x in [1])\ng.gi_code",
    "x.f_back.f_builtins",
    "e.tb_frame",
    # modules
    "datetime.sys",
    "datetime.datetime_CAPI",
    "datetime.datetime.sys.modules.f_globals",
    "pd.read_csv('/etc/passwd')",
    "pd.io.common",
    "pd.compat.os",
    "pd.eval('1')",
    "pandas.read_pickle('x')",
    "import pandas as p\np.read_csv('/etc/passwd')",
    "import datetime as dt\ndt.sys.exit()",
    "import pydough as dough\ndough.active_session",
    "pydough.active_session.connect_database('sqlite', database='x')",
    "pydough.to_table(customers, name='x')",
    "pydough.to_df(customers)",
    "pydough.call_template('x')",
    "pydough.from_string('import os')",
    "pydough.unqualified.unqualified_transform.inspect.os.system('true')",
    "p = pydough\np.logger",
    "p = pd\np.DataFrame({'a': [1]}).to_csv('x')",
    "x = [pydough][0].active_session",
    "f = lambda m: m.active_session\nf(pydough)",
    "f = lambda m=pydough: m",
    "def f(m=pd):\n    return m",
    "x = pydough if True else 1",
    "x = {'m': datetime}",
    # data frames write files
    "pd.DataFrame({'a': [1]}).to_csv('x')",
    "pd.DataFrame({'a': [1]})",
    "df = pd.DataFrame({'a': [1]})\ndf.to_pickle('x')",
    "df = pd.DataFrame({'a': [1]})\nc = pydough.dataframe_collection('c', df, ['a'])\ndf.to_csv('x')",
    "df = pd.DataFrame({'a': [1]})\nother = df\nother.to_csv('x')",
    "c = pydough.dataframe_collection('c', pd.DataFrame({'a': [1]}).query('a'), ['a'])",
    "c = pydough.dataframe_collection('c', pd.DataFrame.from_dict({'a': [1]}), ['a'])",
    "def dataframe_collection(x):\n    return x\ndataframe_collection(pd.DataFrame({'a': [1]})).to_csv('x')",
    "f = lambda x: x\nf.dataframe_collection(pd.DataFrame({'a': [1]}))",
    "d = pd.DataFrame\nd({'a': [1]}).to_csv('x')",
    "pd.Timestamp('2020').to_numpy().tofile('x')",
    "pd.Timestamp('2020').asm8.dump('x')",
    "pd.Timedelta(1).to_timedelta64().tofile('x')",
    "pd.Timestamp('2020').to_julian_date().cumsum()",
    "pd.Timedelta._maybe_cast_to_matching_resos.func_globals['np']",
    "pd.Timedelta.total_seconds.func_code",
    "pd.Timedelta._req_any_kwargs_new.clear()",
    # PyDough's own objects
    "_ROOT",
    "_ROOT = 1",
    "_graph.get_function_names()",
    "_graph = 1",
    "UnqualifiedRoot",
    "to_table(customers, name='x')",
    "call_template('x')",
    "customers.to_table",
    "customers._parcel",
    "customers.coerce_to_unqualified(1)",
    # PyDough turns bare names into attributes of `_ROOT`
    "(lambda _ROOT: gi_frame)((x for x in [1]))",
    "def f(_ROOT):\n    return customers\nf(1)",
    "from datetime import datetime as _ROOT",
    "for _ROOT in [1]:\n    pass",
    "x = gi_frame",
    "def _graph():\n    return 1",
    # names that are ours
    "datetime = 1",
    "pd = 1",
    "pydough = 1",
    "pandas: int = 1",
    "for pd in [1]:\n    pass",
    "x = [1 for datetime in [1]]",
    "def pydough():\n    return 1",
    "f = lambda pd: 1",
    "a, (pd, b) = 1, (2, 3)",
    "*pd, a = [1]",
    "pydough.range_collection = 1",
    "customers.name = 1",
    "for customers.x in [1]:\n    pass",
    "customers.name += 1",
    "x = [1 for customers.y in [1]]",
    "(a, customers.b) = 1, 2",
    # statements that data flow has no use for
    "@staticmethod\ndef f():\n    return 1",
    "@eval\ndef f():\n    return 1",
    "class C:\n    pass",
    "class C(metaclass=print):\n    pass",
    "while True:\n    pass",
    "with open('x') as f:\n    pass",
    "try:\n    x = 1\nexcept Exception as e:\n    pass",
    "try:\n    x = 1\nfinally:\n    pass",
    "def f():\n    global x\n    x = 1",
    "def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = 2\n    return g",
    "x = (y := 3)",
    "async def f():\n    return 1",
    "def f():\n    yield 1",
    "def f():\n    yield from [1]",
    "x = [y async for y in z]",
    "x = await y",
    "del customers",
    "x = 1\ndel x",
    "match 1:\n    case _:\n        pass",
    "assert False",
    "raise SystemExit",
    "raise ValueError('x')",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_program_is_refused_before_it_runs(hostile):
    with pytest.raises((UnsafeProgramError, ProgramError)) as caught:
        check_program(f"{hostile}\nresult = customers")
    assert "\n" not in str(caught.value)
    try:
        ast.parse(hostile)
    except SyntaxError:
        return
    assert isinstance(caught.value, UnsafeProgramError) and str(caught.value).startswith("line ")


@pytest.mark.parametrize("hostile", HOSTILE[::7])
def test_nor_is_it_let_through_within_a_function(hostile):
    body = "\n    ".join(hostile.splitlines())
    with pytest.raises((UnsafeProgramError, ProgramError)):
        check_program(f"def f():\n    {body}\n    return 1\nresult = customers")


def test_the_place_and_the_reason_are_told():
    with pytest.raises(UnsafeProgramError) as caught:
        check_program("a = 1\nresult = customers.CALCULATE(\n    x=open('x'),\n)")
    assert str(caught.value).startswith("line 3: Python's 'open' is not allowed")


def test_a_program_without_end_is_refused():
    assert check_program("result = a" + " " * (MAX_SOURCE_CHARACTERS - 10))
    with pytest.raises(UnsafeProgramError, match="longer than 20,000 characters"):
        check_program("result = a" + " " * MAX_SOURCE_CHARACTERS)


dunders = st.from_regex(r"__[a-z]{1,8}__", fullmatch=True)


@given(
    dunders, st.sampled_from(["{}", "a.{}", "a({})", "a.b(c).{}(d)", "[{}]", "lambda: {}", "lambda {}: 1", "f'{{{}}}'"])
)
def test_no_dunder_passes_anywhere(dunder, place):
    with pytest.raises(UnsafeProgramError):
        check_program(f"result = {place.format(dunder)}")


@pytest.mark.parametrize("name", sorted(set(dir(builtins)) - SAFE_BUILTINS - {"None", "True", "False", "_"}))
def test_no_other_builtin_passes(name):
    with pytest.raises(UnsafeProgramError):
        check_program(f"result = {name}")


@pytest.fixture(scope="module")
def engine(databases: WorkDir) -> Engine:
    return open_engine(built_in_entries(databases)["tpch"])


@pytest.fixture(scope="module")
def duckdb_engine(databases: WorkDir) -> Engine:
    return open_engine(built_in_entries(databases)["tpch_duckdb"])


# program, rows of its result on TPC-H
LEGITIMATE = [
    ("result = regions", 5),
    ("result = regions.CALCULATE(region_name=UPPER(name), first=name[:1], last=name[-1:])", 5),
    ("result = TPCH.CALCULATE(n=COUNT(customers), m=MAX(orders.total_price))", 1),
    ("result = nations.WHERE((region.name == 'ASIA') & ~STARTSWITH(name, 'C'))", 4),
    ("result = nations.WHERE(ISIN(name, ('CHINA', 'JAPAN')) | (key == 1)).CALCULATE(name, key / 2, x=key ** 2)", 3),
    ("result = regions.CALCULATE(name, n=COUNT(nations.WHERE(HAS(customers) & PRESENT(comment))))", 5),
    ("names = nations.CALCULATE(name, region_name=region.name)\nresult = names.ORDER_BY(region_name.ASC(), name.DESC())", 25),
    ("limit = 3\nresult = nations.TOP_K(limit, by=(key.DESC(), name.ASC(na_pos='last')))", 3),
    ("wanted = ['ASIA', 'EUROPE']\nresult = regions.WHERE(ISIN(name, wanted))", 2),
    ("result = nations.PARTITION(name='groups', by=region_key).CALCULATE(region_key, n=COUNT(nations))", 5),
    (
        "def add_tax(price, rate=0.1):\n    return price * (1 + rate)\n"
        "result = parts.CALCULATE(key, gross=add_tax(retail_price, rate=0.2)).TOP_K(4, by=gross.DESC())",
        4,
    ),
    ("double = lambda x: x * 2\nresult = regions.CALCULATE(k=double(key))", 5),
    (
        "terms = {}\nfor size in (1, 5, 9):\n    terms[f'size_{size}'] = COUNT(parts.WHERE(size == size))\n"
        "result = TPCH.CALCULATE(**terms)",
        1,
    ),
    (
        "parts_of_kind = [COUNT(parts.WHERE(CONTAINS(part_type, kind))) for kind in ('TIN', 'BRASS')]\n"
        "result = TPCH.CALCULATE(tin=parts_of_kind[0], brass=parts_of_kind[1], both=sum(parts_of_kind))",
        1,
    ),
    ("result = TPCH.CALCULATE(**{name.lower(): COUNT(nations.WHERE(region.name == name)) for name in ('ASIA', 'AFRICA')})", 1),
    ("kept = regions\nfor word in ['A', 'E']:\n    if word == 'E':\n        continue\n    kept = kept.WHERE(STARTSWITH(name, word))\nresult = kept", 3),
    ("result = regions\nif len('abc') == 3:\n    result = result.WHERE(key > 1)\nelse:\n    pass", 3),
    ("result = orders.WHERE(order_date >= datetime.date(1998, 8, 1)).CALCULATE(key)", None),
    ("result = orders.WHERE(order_date >= datetime.datetime(1998, 8, 1, 0, 0)).CALCULATE(key)", None),
    ("result = orders.WHERE(order_date >= pd.Timestamp('1998-08-01')).CALCULATE(key)", None),
    ("from datetime import timedelta\nday = datetime.date(1998, 8, 11) - timedelta(days=10)\nresult = orders.WHERE(order_date >= day).CALCULATE(key)", None),
    ("import datetime\nresult = orders.WHERE(order_date >= datetime.date(1998, 8, 1)).CALCULATE(key)", None),
    ("import datetime as dt\nresult = orders.WHERE(order_date >= dt.date(1998, 8, 1)).CALCULATE(key)", None),
    ("from datetime import datetime\nresult = orders.WHERE(order_date >= datetime(1998, 8, 1)).CALCULATE(key)", None),
    ("from datetime import datetime, date\nday = datetime.strptime('01.08.1998', '%d.%m.%Y')\nresult = orders.WHERE(order_date >= date(day.year, day.month, 1)).CALCULATE(key)", None),
    ("from pandas import Timestamp\nresult = orders.WHERE(order_date >= Timestamp('1998-08-01')).CALCULATE(key)", None),
    ("import pandas as pd\nday = pd.to_datetime('01/08/1998', format='%d/%m/%Y')\nresult = orders.WHERE(order_date >= day).CALCULATE(key)", None),
    ("day = (pd.Timestamp('1998-07-01') + pd.DateOffset(months=1)).strftime('%Y-%m-%d')\nresult = orders.WHERE(order_date >= day).CALCULATE(key)", None),
    ("start = datetime.date(1998, 8, 1)\nresult = orders.WHERE(order_date >= f'{start:%Y-%m-%d}').CALCULATE(key)", None),
    ("import pydough\nresult = pydough.range_collection('counter', 'i', 0, 7, 2)", 4),
    (
        "bounds = pydough.dataframe_collection('bounds', pd.DataFrame({'low': [0, 2], 'label': ['a', 'b']}), ['low'])\n"
        "result = bounds.CALCULATE(low, label)",
        2,
    ),
    (
        "frame = pd.DataFrame({'low': [0, 2, 4]})\n"
        "bounds = pydough.dataframe_collection(name='bounds', dataframe=frame, unique_column_names=['low'])\n"
        "result = bounds.CALCULATE(low).CROSS(regions.CALCULATE(key)).WHERE(key >= low).CALCULATE(low, key)",
        9,
    ),
    ("result = nations.customers.CALCULATE(name, place=RANKING(by=account_balance.DESC(), per='nations')).WHERE(place <= 2)", None),
    ("result = nations.CALCULATE(name, best=customers.BEST(by=account_balance.DESC(), per='nations').name)", 25),
    ("n: int = 3\nn += 1\nresult = nations.TOP_K(n, by=key.ASC())", 4),
    ("first, others = 'ASIA', ['EUROPE', 'AFRICA']\nresult = regions.WHERE((name == first) | ISIN(name, others))", 3),
    ("result = regions.CALCULATE(a=abs(key), b=round(key + 0.4, 0), c=IFF(key > 2, 'x', None), d=KEEP_IF(key, key > 1))", 5),
    ("result = nations.CALCULATE(f=JOIN_STRINGS('-', name, STRING(key)), y=DATETIME('1995-03-05', '+ 2 days', 'start of month'))", 25),
]  # fmt: skip


@pytest.mark.parametrize(("program", "rows"), LEGITIMATE)
def test_a_legitimate_program_is_let_through_and_runs(engine, program, rows):
    check_program(program)
    result = engine.run_sql(engine.compile_program(program), 20.0)
    if rows is None:
        assert len(result.rows) > 1
    else:
        assert len(result.rows) == rows


def test_all_ways_to_name_a_day_mean_the_same(duckdb_engine):
    programs = [program for program, _rows in LEGITIMATE if "order_date >= " in program]
    results = [duckdb_engine.run_sql(duckdb_engine.compile_program(program), 20.0).rows for program in programs]
    assert len(programs) > 10 and len({tuple(sorted(rows)) for rows in results}) == 1


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("result = pydough.active_session", AttributeError),
        ("result = pydough.to_table(regions, name='x')", AttributeError),
        ("import os\nresult = regions", ImportError),
        ("import pydough.configs\nresult = regions", ImportError),
        ("x = open('/etc/hostname')\nresult = regions", NameError),
        ("x = pd.read_csv('/etc/hostname')\nresult = regions", AttributeError),
        ("x = datetime.sys\nresult = regions", AttributeError),
        ("x = pd.to_datetime(['2020-01-01', '2020-01-02'])\nresult = regions", TypeError),
    ],
)
def test_behind_the_allow_list_stands_a_second_wall(engine, program, error):
    with pytest.raises(error):
        engine.compile_program(program)
