"""The gate before storage: programs, names and citations of texts that anybody may have written."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retriver.chunks import chunk_folder
from retriver.documentation import quoted_passage
from retriver.gate import (
    MAX_CHARACTERS,
    Gate,
    UnsureError,
    grounding_problems,
    tidied,
    ungrounded_names,
    unknown_citations,
)
from utils.core.console import UserError
from utils.core.paths import KNOWLEDGE_DIR, WorkDir
from utils.core.records import Passage
from utils.databases.catalog import DatabaseEntry, built_in_entries
from utils.programs.compiler import Compiled, ProgramCompiler

NOWHERE = WorkDir(Path("/no/databases/here"))
ENTRIES = built_in_entries(NOWHERE)
PASSAGES = [
    Passage(passage_id="1", path="windows.md > RANKING", text="`RANKING(by=...)` gives the position."),
    Passage(passage_id="2", path="methods.md > TOP_K", text="Keeps the first few: `orders.TOP_K(3, by=total.DESC())`"),
]
FINE = "result = nations.CALCULATE(name)"


@pytest.fixture(scope="module")
def compiler() -> Iterator[ProgramCompiler]:
    with ProgramCompiler(2) as compiler:
        yield compiler


@pytest.fixture(scope="module")
def gate(compiler: ProgramCompiler) -> Iterator[Gate]:
    with Gate(compiler, ENTRIES) as gate:
        yield gate


def problems(gate: Gate, text: str, entry: DatabaseEntry | None = None, cited: bool = False) -> list[str]:
    return asyncio.run(gate.problems(text, PASSAGES, cited=cited, entry=entry))


def fenced(code: str, label: str = "python") -> str:
    return f"Words.\n\n```{label}\n{code}\n```\n"


SECTIONS = [chunk for chunk in chunk_folder(KNOWLEDGE_DIR) if chunk.text.strip()]


def test_the_manual_passes(gate: Gate) -> None:
    passages = [Passage(passage_id=chunk.chunk_id, path=chunk.path, text=chunk.text) for chunk in SECTIONS]
    quoted = [quoted_passage(passage) for passage in passages]

    async def all_problems() -> list[list[str]]:
        return await asyncio.gather(*(gate.problems(text, [], cited=False) for text in quoted))

    found = asyncio.run(all_problems())
    assert {chunk.path: told for chunk, told in zip(SECTIONS, found, strict=True) if told} == {}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("result = nations.CALCULATE(name, up=BACK(1).name)", "BACK"),
        ('result = PARTITION(customers, name="g", by=key).CALCULATE(key)', "PARTITION"),
        ("result = customers(name=name)", "not callable"),
        ('result = nations.CALCULATE(x=JOIN_STRINGS("-", name))', "JOIN_STRINGS"),
        ("result = customers.CALCULATE(m=MODE(account_balance))", "MODE"),
        ("result = customers.LIMIT(5)", "LIMIT"),
        ("result = customers.GROUP_BY(key)", "GROUP_BY"),
        ("result = customers.JOIN(nations)", "JOIN"),
        ("import os\nresult = nations.CALCULATE(name)", "import of 'os' is not allowed"),
        ("result = nations.CALCULATE(nam)", "Did you mean: name"),
        ("a = nations", "never assigns `result`"),
        ("this is no program", "syntax error"),
        ("nations.CALCULATE(na\u0441me)", "does not compile"),  # a Cyrillic letter
    ],
)
@pytest.mark.parametrize("text", [
    "```python\n{}\n```", "~~~\n{}\n~~~", "```py\n{}", "```python3\n{}\n```", "> ```\n> {quoted}",
])  # fmt: skip
def test_code_that_does_not_compile_is_told_with_its_reason(gate: Gate, code: str, reason: str, text: str) -> None:
    [problem] = problems(gate, "Words.\n\n" + text.format(code, quoted=code.replace("\n", "\n> ")))
    assert problem.startswith("does not compile: '") and reason in problem and "\n" not in problem


def test_the_line_a_reason_speaks_of_is_quoted(gate: Gate) -> None:
    [problem] = problems(gate, fenced("a = nations\nb = a.CALCULATE(x=BACK(1).name)\nresult = b.CALCULATE(x)"))
    assert "'b = a.CALCULATE(x=BACK(1).name)'" in problem
    [problem] = problems(gate, fenced("a = nations\nb = (\nresult = b"))
    assert "'b = ('" in problem


@pytest.mark.parametrize(
    "code",
    [
        FINE,
        "nations.CALCULATE(name)",
        f"%%pydough\n{FINE}",
        f">>> {FINE}\n>>> print",
        "result = Broker.CALCULATE(n=COUNT(tickers))",  # on another graph than the first
        "rich = customers.WHERE(account_balance > 0)\nresult = rich.CALCULATE(name)",
        "result = regions.CALCULATE(names=LISTOF(nations.name))",  # on DuckDB only
    ],
)
def test_code_that_compiles_somewhere_passes(gate: Gate, code: str) -> None:
    if ">>> print" in code:
        code = code.replace(">>> print", "the rows")
    assert problems(gate, fenced(code)) == []


@pytest.mark.parametrize(
    "text",
    [
        "```python\n>>> result = nations.CALCULATE(name)\nnations.CALCULATE(nosuch)\n```",
        "```sql\nnations.CALCULATE(nosuch)\n```",
        "Write `result = nations.CALCULATE(nosuch)` here.",
        "Write <code>result = nations.CALCULATE(nosuch)</code> here.",
        "<pre>nations.CALCULATE(nosuch)</pre>",
        "<pre><code>result = nations.CALCULATE(nosuch)\n</code></pre>",
        f"```python\nx = nations.CALCULATE(nosuch)\n{FINE}\n```",
        f"```python\nresult = nations.CALCULATE(nosuch)\n{FINE}\n```",
        f"```python\nif False:\n    x = nations.CALCULATE(nosuch)\n{FINE}\n```",
    ],
)
def test_a_program_is_compiled_wherever_it_stands(gate: Gate, text: str) -> None:
    [problem] = problems(gate, text)
    assert problem.startswith("does not compile: 'result = nations.CALCULATE(nosuch)")
    assert problems(gate, text.replace("nosuch", "key")) == []


@pytest.mark.parametrize(
    "code",
    [
        f"# or write nations.LIMIT(5), which is shorter\n{FINE}",
        f"def cut(c):\n    return c.LIMIT(5)\n{FINE}",
        f"%%pydough nations.LIMIT(5)\n{FINE}",
        f">>> {FINE}\nuse LIMIT(5)",
    ],
)
def test_names_are_looked_at_in_programs_where_no_compiler_looks(gate: Gate, code: str) -> None:
    [problem] = problems(gate, fenced(code))
    assert problem.startswith("LIMIT is no operator")
    assert problems(gate, fenced(code.replace("LIMIT", "TOP_K"))) == []


def test_an_inline_program_may_be_denied_or_left_open(gate: Gate) -> None:
    assert problems(gate, "A value is no result: `result = nations.name` is refused.") == []
    assert problems(gate, "End with `result = ...`, such as `result = nations.CALCULATE(...)`.") == []


def test_too_much_that_is_not_used_is_refused(gate: Gate) -> None:
    unused = "\n".join(f"x{n} = nations.WHERE(key > {n})" for n in range(30))
    assert "more than 20 collections" in problems(gate, fenced(f"{unused}\n{FINE}"))[0]


def test_the_graph_of_the_example_counts(gate: Gate, compiler: ProgramCompiler, tmp_path: Path) -> None:
    graph = tmp_path / "own.json"
    graph.write_text(ENTRIES["broker"].graph_path.read_text(encoding="utf-8").replace('"tickers"', '"papers"'))
    own = DatabaseEntry("own", graph, "Broker", "sqlite:////none.db")
    text = fenced("result = papers.CALCULATE(symbol)")
    assert "papers" in problems(gate, text)[0]
    assert problems(gate, text, own) == []
    missing = DatabaseEntry("missing", tmp_path / "none.json", "None", "sqlite:////none.db")
    with Gate(compiler, {"missing": missing}) as alone, pytest.raises(UnsureError, match="cannot be read"):
        problems(alone, text)
    with Gate(compiler, {}) as empty:
        assert problems(empty, text) == ["there is no graph to compile code on"]


def test_a_mark_turns_round_what_is_expected(gate: Gate) -> None:
    back = "result = nations.CALCULATE(x=BACK(1).name)"
    assert problems(gate, fenced(f"# wrong: there is no BACK\n{back}")) == []
    assert "marked as wrong, but it compiles" in problems(gate, fenced(f"# wrong: no\n{FINE}"))[0]
    assert problems(gate, fenced(f"# wrong silently: {FINE}\n{FINE}")) == []
    assert "does not compile" in problems(gate, fenced(f"# wrong silently: it runs\n{back}"))[0]
    for no_mark in ("# wrong", "# wrong:", "# note: wrong", "x = 1  # wrong: why"):
        assert "does not compile" in problems(gate, fenced(f"{no_mark}\n{back}"))[0]
    # what DuckDB refuses when it runs, a compiler does not see
    refused = "result = parts.CALCULATE(key, x=retail_price * (size < 10))"
    assert problems(gate, fenced(f"# dialect: duckdb\n# wrong: not on DuckDB\n{refused}")) == []


def test_blocks_that_are_no_programs(gate: Gate) -> None:
    for label in ("text", "console", "json", "sql", "sh", "toml", "yaml"):
        assert problems(gate, fenced("no program at all", label)) == []
    assert problems(gate, fenced("SELECT COALESCE(a, 0)", "sql")) == []
    assert problems(gate, fenced("see MODE(x)", "text")) == ["MODE is no operator or method of PyDough: 'see MODE(x)'"]
    assert "BACK" in problems(gate, fenced("result = nations.CALCULATE(BACK(1).name)", "text"))[0]


def test_names_are_looked_at_everywhere_outside_programs(gate: Gate) -> None:
    for text in (
        "Use `BACK(1)`.",
        "# BACK(1)",
        "> BACK(1)",
        "| a |\n|--|\n| BACK(1) |",
        "<pre>BACK(1)</pre>",
        "```x\nBACK(1)\n```",
    ):
        assert [problem.split()[0] for problem in problems(gate, text)] == ["BACK"]
    assert problems(gate, "Use \uff22\uff21\uff23\uff2b(1).")[0].startswith("BACK ")  # full-width letters
    assert problems(gate, "In `ASIA`.\n\n" + fenced('result = regions.WHERE(name == "ASIA")')) == []


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("Right [1], and [2][1].", []),
        ("Wrong [3]. Also [0], [1, 7] and [2-4].", [0, 3, 4, 7]),
        ("Slices are code: `name[5]`, ``x[6]``\n\n```python\nname[7]\n```\n\nand [8]", [8]),
        ("A link [9](http://x) and a stray ` then [5].\n\nMore ` [4]", [4, 5]),
        ("~~~\ncode never closed [5]", []),
        ("Far [123456789012345678901234567890]", []),
    ],
)
def test_unknown_citations(text: str, unknown: list[int]) -> None:
    assert unknown_citations(text, PASSAGES) == unknown


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Use `orders.TOP_K(3)` or RANKING(by=x).", []),
        ("`BACK(1)` goes up.\n\n```python\nx.PARTITION(a, by=b).TOP_K(1)\n```", ["BACK", "PARTITION"]),
        ("`RANK(x)` is not RANKING", ["RANK"]),
        ("KPI(s) and SQL (the language), NULL", []),
    ],
)
def test_ungrounded_names(text: str, names: list[str]) -> None:
    assert ungrounded_names(text, PASSAGES) == names


def test_a_written_text_must_cite_and_name_nothing_else(gate: Gate) -> None:
    assert problems(gate, "It ranks, see `RANKING(by=x)` [1].", cited=True) == []
    assert problems(gate, "It ranks.", cited=True) == [
        "no passage is cited; every statement needs a number such as [1]"
    ]
    assert problems(gate, "It ranks.") == []
    assert problems(gate, "`COUNT(2)` [4]", cited=True) == [
        "cited but not among the passages: [4]",
        "named but in no passage: COUNT",
    ]


def test_grounding_alone_compiles_nothing() -> None:
    assert grounding_problems("It ranks, see `RANKING(by=x)` [1].", PASSAGES) == []
    assert grounding_problems("   ", PASSAGES) == ["the text is empty"]
    assert grounding_problems("`BACK(2)` [4]", PASSAGES) == [
        "cited but not among the passages: [4]",
        "named but in no passage: BACK",
    ]


def test_marks_of_where_a_line_may_end_are_dropped_before_reading(gate: Gate) -> None:
    assert tidied("aggre\u00adga\u200btion\fx \u202e") == "aggregation\nx \u202e"
    assert problems(gate, tidied("Use BA\u00adCK(1)."))[0].startswith("BACK ")
    assert problems(gate, "\U0001f468\u200d\U0001f4bb counts.") == []
    assert problems(gate, "BA\u200dCK(1)") == ["characters that cannot be seen: U+200D"]


def test_texts_that_are_not_read(gate: Gate) -> None:
    assert problems(gate, " \n ") == ["the text is empty"]
    for part in ("`", "[", "[1]", "> ", "- a\n", "```\n", "BACK(1) "):
        started = time.perf_counter()
        [problem] = problems(gate, part * (1_000_000 // len(part)))
        assert "characters; at most" in problem and time.perf_counter() - started < 1
    assert problems(gate, fenced("x = '\u202e'")) == ["characters that cannot be seen: U+202E"]
    assert problems(gate, "a\x00b \u200b \ud800") == ["characters that cannot be seen: U+0000, U+200B, U+D800"]
    assert problems(gate, "> " * 50 + "x") == ["quotes and lists are nested too deeply to be read"]
    assert "code blocks; at most" in problems(gate, fenced(FINE) * 61)[0]


@pytest.mark.parametrize("part", ["`", "` ", "[", "[1", "(", "A(", "> ", "- a\n", "`B` and ", "a(b=", "BACK(1) ", "'"])
def test_a_long_text_is_read_quickly(gate: Gate, part: str) -> None:
    started = time.perf_counter()
    told = problems(gate, "x" + part * ((MAX_CHARACTERS - 1) // len(part)), cited=True)
    assert told and len(told) <= 13 and time.perf_counter() - started < 10


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=200), st.text(alphabet="`~> -\n", max_size=40))
def test_no_text_hides_what_is_gone(gate: Gate, before: str, opening: str) -> None:
    """Whatever stands before it, syntax that is gone is told, or the text is not read at all."""
    text = f"{before}\n\n{opening}\nUse it: result = nations.CALCULATE(x=BACK(1).name)\n"
    assert problems(gate, text) != []


class CountingCompiler:
    """Gives out prepared results, and counts."""

    def __init__(self, *results: Compiled) -> None:
        self.results = list(results)
        self.asked = 0

    def submit(self, *_: Any) -> Future[Compiled]:
        self.asked += 1
        future: Future[Compiled] = Future()
        future.set_result(self.results.pop(0) if len(self.results) > 1 else self.results[0])
        return future


ONE = {"tpch": ENTRIES["tpch"]}
REFUSED = Compiled(failure="code_error", detail="No.\nNever.", hint="Do it otherwise.")


def test_a_program_is_compiled_once_and_kept_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "compilations.sqlite"
    for result, told in ((Compiled(sql={"sqlite": "SELECT 1"}), []), (REFUSED, ["No. Never. (Do it otherwise.)"])):
        text = fenced(f"result = nations.CALCULATE(x={len(told)})")
        for run, asked in enumerate((1, 0)):
            counting: Any = CountingCompiler(result)
            with Gate(counting, ONE, file) as gate:
                for _ in range(2):
                    assert [problem.split("': ")[-1] for problem in problems(gate, text)] == told
            assert counting.asked == asked, run


def test_another_graph_or_version_is_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = tmp_path / "g.json"
    graph.write_bytes(ENTRIES["tpch"].graph_path.read_bytes())
    entry = {"own": DatabaseEntry("own", graph, "TPCH", "sqlite:////none.db")}
    counting: Any = CountingCompiler(REFUSED)
    with Gate(counting, entry, tmp_path / "c.sqlite") as gate:
        problems(gate, fenced(FINE))
        graph.write_text(graph.read_text(encoding="utf-8") + "\n")
        problems(gate, fenced(FINE))
        assert counting.asked == 2
        monkeypatch.setattr("retriver.compilations._code_key", lambda: "another version")
        problems(gate, fenced(FINE))
        assert counting.asked == 3


@pytest.mark.parametrize(
    "passing",
    [
        Compiled(failure="timeout", detail="too long"),
        Compiled(failure="infra_error", detail="no graph"),
        Compiled(failure="code_error", detail="out of memory", repeatable=False),
    ],
)
def test_what_may_end_otherwise_is_no_refusal_and_not_kept(tmp_path: Path, passing: Compiled) -> None:
    once: Any = CountingCompiler(passing, Compiled(sql={"sqlite": "SELECT 1"}))
    with Gate(once, ONE) as gate:  # it is asked twice
        assert problems(gate, fenced(FINE)) == []
    counting: Any = CountingCompiler(passing, passing, Compiled(sql={"sqlite": "SELECT 1"}))
    with Gate(counting, ONE, tmp_path / "c.sqlite") as gate:
        with pytest.raises(UnsureError, match=f"could not be compiled: .*{passing.detail}"):
            problems(gate, fenced(FINE))
        assert problems(gate, fenced(FINE)) == []
    marked: Any = CountingCompiler(passing)
    with Gate(marked, ONE) as gate:  # that it is wrong is not known then
        with pytest.raises(UnsureError, match="could not be compiled"):
            problems(gate, fenced(f"# wrong: why\n{FINE}"))
        assert [told.split()[0] for told in problems(gate, f"Use BACK(1).\n\n{fenced(FINE)}")] == ["BACK"]


def test_what_breaks_is_not_taken_for_a_refusal() -> None:
    class Broken(CountingCompiler):
        def submit(self, *_: Any) -> Future[Compiled]:
            raise ZeroDivisionError

    broken: Any = Broken(REFUSED)
    with Gate(broken, ONE) as gate, pytest.raises(ZeroDivisionError):
        problems(gate, f"Use BACK(1).\n\n{fenced(FINE)}")


def test_the_same_program_is_not_compiled_twice_at_once() -> None:
    class Slow(CountingCompiler):
        def submit(self, *_: Any) -> Future[Compiled]:
            self.asked += 1
            self.future: Future[Compiled] = Future()
            return self.future

    slow: Any = Slow()

    async def main(gate: Gate) -> list[list[str]]:
        running = [asyncio.ensure_future(gate.problems(fenced(FINE), [], cited=False)) for _ in range(3)]
        await asyncio.sleep(0.05)
        running[0].cancel()  # the others go on
        slow.future.set_result(REFUSED)
        return await asyncio.gather(*running[1:])

    with Gate(slow, ONE) as gate:
        assert all(asyncio.run(main(gate)))
    assert slow.asked == 1


def test_a_cache_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    file = tmp_path / "c.sqlite"
    file.write_text("no database, whatever it is called. " * 100)
    counting: Any = CountingCompiler(REFUSED)
    with pytest.raises(UserError, match="cannot be used as a cache"):
        Gate(counting, ONE, file)
    with pytest.raises(UserError, match="cannot be used as a cache"):
        Gate(counting, ONE, file / "below")
    sqlite3.connect(tmp_path / "fine.sqlite").close()
    Gate(counting, ONE, tmp_path / "fine.sqlite").__exit__()
