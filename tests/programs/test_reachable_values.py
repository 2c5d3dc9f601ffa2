"""Whatever a program may see, no path of allowed attributes leads from it to files, frames or the interpreter."""

import contextlib
import types
from collections.abc import Iterator
from typing import Any

import numpy
import pandas
import pydough
import pytest
from pydough.errors import PyDoughException
from pydough.unqualified import UnqualifiedRoot

from utils.core.paths import WorkDir
from utils.databases.catalog import built_in_entries
from utils.programs.allowlist import UnsafeProgramError, check_program
from utils.programs.clock import program_modules
from utils.programs.engine import open_engine

MANY_ERRORS = (AttributeError, NotImplementedError, TypeError, ValueError, ArithmeticError)
REVEALING = (
    types.ModuleType,
    types.FrameType,
    types.CodeType,
    numpy.ndarray,
    numpy.generic,
    pandas.DataFrame,
    pandas.Index,
)


def allowed_steps(value: Any) -> Iterator[tuple[str, Any]]:
    """What a program can get from a value: its attributes, what they give when called, and its items."""
    if isinstance(value, dict | types.MappingProxyType):
        yield from ((f"[{key!r}]", item) for key, item in list(value.items())[:50])
    elif isinstance(value, list | tuple):
        yield from ((f"[{index}]", item) for index, item in enumerate(value[:20]))
    calls = []
    for name in dir(value):
        try:
            check_program(f"result = value.{name}")
            attribute = getattr(value, name)
        except (UnsafeProgramError, PyDoughException, *MANY_ERRORS):
            continue
        yield f".{name}", attribute
        if callable(attribute) and not isinstance(attribute, type):
            calls.append((f".{name}()", attribute))
    for step, function in calls:  # last: a call may change the value, as closing a generator does
        with contextlib.suppress(Exception):
            yield step, function()


@pytest.mark.filterwarnings("ignore")
def test_no_path_of_allowed_attributes_leads_out_of_a_program(databases: WorkDir):
    modules = program_modules("2023-12-15 14:30:00")
    root = UnqualifiedRoot(open_engine(built_in_entries(databases)["tpch"]).session.metadata)
    seen: set[tuple[Any, str]] = set()
    reached: list[tuple[str, Any, int]] = [
        *((f"{name}.{one}", getattr(modules[name], one), 0) for name in ("datetime", "pd") for one in vars(modules[name])),
        ("moment", modules["pd"].Timestamp("2020-01-01", tz="Europe/Berlin"), 0),
        ("delta", modules["pd"].Timedelta(1), 0),
        ("offset", modules["pd"].DateOffset(days=1), 0),
        ("datetime", modules["datetime"].datetime(2020, 1, 1), 0),
        ("collection", root.nations, 0),
        ("operator", root.COUNT, 0),
        ("method", root.nations.WHERE, 0),
        ("generated", pydough.range_collection("a", "b", 3), 0),
        ("function", pydough.dataframe_collection, 0),
        ("lambda", lambda x: x, 0),
        ("generator", (x for x in [1]), 0),
        *((type(value).__name__, value, 0) for value in ("a", b"a", 1, 1.5, [1], (1,), {1: 2}, {1}, range(3), str, dict)),
    ]  # fmt: skip
    reached.remove(next(one for one in reached if one[0] == "pd.DataFrame"))  # no program holds one
    while reached:
        path, value, depth = reached.pop(0)
        assert not isinstance(value, REVEALING), f"{path} is a {type(value).__name__}"
        for step, found in allowed_steps(value):
            shared = isinstance(value, type) and isinstance(found, set | list) and not step.endswith("()")
            assert not shared, f"a program could change {path}{step} for those that come after it"
            mark = (found if isinstance(found, type) else type(found), step)
            if mark not in seen and depth < 3:
                seen.add(mark)
                reached.append((path + step, found, depth + 1))
    assert len(seen) > 500
