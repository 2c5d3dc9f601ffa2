"""Which code a Markdown text shows, and the program a block stands for."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriver.code_blocks import (
    MAX_UNUSED,
    CodeBlock,
    Marks,
    assigns_result,
    marks_of,
    program_of,
    read_markdown,
    unused_programs,
)

CODE = "result = nations.CALCULATE(name)"
QUOTES = st.lists(st.sampled_from(["> ", "- ", "1. "]), max_size=4)
FENCES = st.sampled_from(["```", "~~~", "`````", "~~~~"])


def blocks(text: str) -> list[tuple[str, str]]:
    return [(block.label, block.code.strip()) for block in read_markdown(text).blocks]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (f"```python\n{CODE}\n```", "python"),
        (f"words\n```py\n{CODE}\n```\nwords", "py"),
        (f"~~~\n{CODE}\n~~~", ""),
        (f"```PyDough title=x\n{CODE}\n```", "pydough"),
        (f"```{{.python}}\n{CODE}\n```", "python"),
        (f"never closed\n\n```python\n{CODE}", "python"),
        (f"   ```\n   {CODE}\n   ```", ""),
        (f"an indented one\n\n    {CODE}\n", ""),
        (f"- item\n  ```python\n  {CODE}\n  ```", "python"),
        (f"1. ```python\n   {CODE}", "python"),
        (f"> ```python\n> {CODE}\n> ```", "python"),
        (f"> - ~~~\n>   {CODE}\n>   ~~~", ""),
        (f"<details>\n```python\n{CODE}\n```\n</details>", "python"),
        (f"```markdown\nwords\n\n~~~py\n{CODE}\n~~~\n```", "py"),
        (f"```python\r\n{CODE}\r\n```\r\n", "python"),
        (f"```python\r{CODE}\r```\r", "python"),
        (f"<pre>{CODE}</pre>", "pre"),
        (f"words\n<pre>\n{CODE}\n\n</pre>\nwords", "pre"),
        (f'<div class="x"><pre><code class="language-python">{CODE}\n</code></pre></div>', "pre"),
        (f"- item\n  <PRE>\n  {CODE}\n  </PRE>", "pre"),
        (f"<pre>never closed\n\n{CODE}".replace("never closed", ""), "pre"),
        (f"[1]: http://x\n```python\n{CODE}\n```", "python"),
    ],
)
def test_every_block_is_found(text: str, label: str) -> None:
    assert blocks(text) == [(label, CODE)]


@given(QUOTES, FENCES, st.booleans())
def test_a_block_is_found_wherever_it_stands(around: list[str], fence: str, closed: bool) -> None:
    lines = [f"{fence}python", CODE, *([fence] if closed else [])]
    for mark in reversed(around):
        rest = mark if mark == "> " else " " * len(mark)
        lines = [(mark if number == 0 else rest) + line for number, line in enumerate(lines)]
    assert blocks("\n".join(lines)) == [("python", CODE)]


@given(st.lists(st.sampled_from([*"`~>- \n\t#1.[]()ab=", "<pre>", "</pre>", "<b>"]), max_size=300).map("".join))
def test_any_text_is_read_and_nothing_of_it_is_lost(text: str) -> None:
    found = read_markdown(f"{text}\n\nBACK(1)")
    everything = [*found.paragraphs, *(block.code for block in found.blocks)]
    assert found.too_deep or sum("BACK(1)" in part for part in everything) == 1


def test_what_is_nested_too_deeply_is_told() -> None:
    assert read_markdown("> " * 10 + f"```\n{'> ' * 10}{CODE}").blocks
    assert read_markdown("> " * 40 + f"```\n{'> ' * 40}{CODE}").too_deep
    wrapped = CODE
    for length in range(3, 40):
        wrapped = f"{'`' * length}markdown\n{wrapped}\n{'`' * length}"
    assert read_markdown(wrapped).too_deep


@pytest.mark.parametrize(
    ("label", "code", "kind"),
    [
        ("", "a b c", "program"),
        ("ruby", "a b c", "foreign"),
        ("unknown", "a b c", "words"),
        ("unknown", CODE, "program"),
        ("sql", "nations.CALCULATE(nosuch)", "program"),
        ("js", "console.log(nations)", "foreign"),
        ("bash", "echo nations.LIMIT(5", "words"),
        ("pre", " name  n\n PERU  3", "words"),
        ("text", "a b c", "words"),
        ("console", "result = 3", "words"),
        ("text", CODE, "program"),
        ("output", f">>> {CODE}", "program"),
        ("sql", "SELECT COALESCE(a, 0)", "foreign"),
        ("bash", "make data", "foreign"),
    ],
)
def test_a_label_decides_unless_the_block_is_a_program(label: str, code: str, kind: str) -> None:
    assert CodeBlock(label, code).kind == kind


@pytest.mark.parametrize(
    ("code", "program"),
    [
        (CODE, CODE),
        ("nations.CALCULATE(name)", CODE),
        (f">>> {CODE}\nsome output", CODE),
        (">>> nations.CALCULATE(\n...     name\n... )\nrows", "result = nations.CALCULATE(\n    name\n)"),
        (f"%%pydough\n{CODE}", CODE),
        ("%load_ext pydough.jupyter_extensions\n%%pydough x\nnations", "result = nations"),
        ("a = nations\n(\n    a.WHERE(key > 1)\n)", "a = nations\nresult = (\n    a.WHERE(key > 1)\n)"),
        ("größe = 1; nations", "größe = 1; result = nations"),
        (f"{CODE}\nresult", f"{CODE}\nresult"),
        (f"    {CODE}", CODE),
        ("a = nations", "a = nations"),
        ("not a program", "not a program"),
        ("", ""),
        ("\r0", "result = 0"),
        ("a = 1\r\nb(a)\r\n", "a = 1\nresult = b(a)"),
    ],
)
def test_the_program_a_block_stands_for(code: str, program: str) -> None:
    assert program_of(code) == program


@given(st.text(max_size=200))
def test_any_block_stands_for_something(code: str) -> None:
    assert isinstance(program_of(code), str)


def test_marks() -> None:
    assert marks_of(f"# database: broker\n# wrong: why\n{CODE}") == Marks(wrong=True, database="broker")
    assert marks_of("# dialect: duckdb\n# wrong silently: why") == Marks(silently=True, dialect="duckdb")
    for none in (CODE, "# wrong:\nx", "# wrong\nx", "x = 1  # wrong: why", "#wrong: x"):
        assert marks_of(none) == Marks()


@pytest.mark.parametrize(
    "part",
    ["`", "`\n", "` ", "[", "[a](", "> ", "- ", "- a\n", "> a\n", "```\n", "a\n\n", "    x\n", "<a ", "|a", "- ```\n"],
)
def test_a_long_text_is_read_quickly(part: str) -> None:
    started = time.perf_counter()
    read_markdown(part * (100_000 // len(part)))
    assert time.perf_counter() - started < 60  # it would take hours


@pytest.mark.parametrize("label", ["sql", "json", "bash", "csv", "mermaid"])
def test_a_foreign_label_hides_no_program(label: str) -> None:
    assert CodeBlock(label, "result = nations.CALCULATE(name)").kind == "program"
    assert CodeBlock(label, "SELECT 1 FROM nations").kind == "foreign"
    assert CodeBlock(label, "graph TD; A-->B").kind == "foreign"


def test_lines_between_prompts_are_program_where_they_assign() -> None:
    assert program_of(">>> a = nations\n>>> a\n   name\n0  PERU") == "a = nations\nresult = a"
    assert program_of(">>> a = nations\nresult = a.LIMIT(5)") == "a = nations\nresult = a.LIMIT(5)"


def test_what_follows_a_magic_word_is_program() -> None:
    assert program_of("%%pydough\nresult = nations") == "result = nations"
    assert program_of("%pydough result = nations.LIMIT(5)") == "result = nations.LIMIT(5)"
    assert program_of("%load_ext pydough.jupyter_extensions\nresult = nations") == "result = nations"


def test_a_statement_between_prompts_is_program_whatever_else_stands_there() -> None:
    assert program_of(f">>> {CODE}\nnations.LIMIT(5)") == f"{CODE}\nnations.LIMIT(5)"
    assert "LIMIT" in program_of(f">>> {CODE}\n0  PERU\nresult = nations.LIMIT(5)\n>>> nations")
    assert program_of(f">>> {CODE}\n  name  n\n0  PERU  3") == CODE


def test_html_keeps_what_stands_around_it() -> None:
    found = read_markdown("<div title='BACK(1)'><pre>a &lt; b</pre> Use LIMIT(5)\n\nEnd.")
    assert [block.code for block in found.blocks] == ["a < b"]
    assert "BACK(1)" in found.paragraphs[0] and "LIMIT(5)" in found.paragraphs[1] and "End." in found.paragraphs[2]


@pytest.mark.parametrize(
    ("program", "unused"),
    [
        (CODE, []),
        (f"x = nations.WHERE(key > 1)\n{CODE}", ["result = nations.WHERE(key > 1)"]),
        ("x = nations.WHERE(key > 1)\nresult = x.CALCULATE(name)", []),
        (f"{CODE}\nresult = regions", ["result = nations.CALCULATE(name)"]),
        (f"{CODE}\nresult = result.WHERE(key > 1)", []),
        (f"nations.WHERE(key > 1)\n{CODE}", ["result = nations.WHERE(key > 1)"]),
        (f"x = nations.WHERE(key > 1)\nx\n{CODE}", ["result = nations.WHERE(key > 1)"]),
        (
            "x = nations.WHERE(a)\ny = x.CALCULATE(b)\nresult = nations",
            ["x = nations.WHERE(a)\nresult = x.CALCULATE(b)"],
        ),
        ("x = nations.WHERE(a)\nx = x.WHERE(b)\nresult = x", []),
        (
            f"if False:\n    result = nations.WHERE(a)\nelse:\n    x = regions.WHERE(b)\n{CODE}",
            ["result = regions.WHERE(b)", "result = nations.WHERE(a)"],
        ),
        ("x = nations\nif n:\n    x = x.WHERE(a)\nresult = x", []),
        (f"n = 5\nkey = name.DESC()\ntotal = SUM(price)\n{CODE}", []),
        ("def f(c):\n    return c.WHERE(a)\nx = nations.WHERE(b)\nresult = f(x)", []),
        ("not a program", []),
    ],
)
def test_collections_that_a_program_does_not_use(program: str, unused: list[str]) -> None:
    assert unused_programs(program) == unused


def test_many_unused_collections_are_cut_off_quickly() -> None:
    started = time.perf_counter()
    assert len(unused_programs("a = b.C()\n" * 5000)) == MAX_UNUSED + 1
    assert unused_programs("\n".join(f"a{n} = a{n + 1}.C()" for n in reversed(range(3000))) + "\nresult = a0") == []
    assert time.perf_counter() - started < 60  # it would take hours


def test_what_assigns_a_result() -> None:
    for code in (CODE, "result: object = nations.WHERE(a)", "if a:\n    result = nations.WHERE(a)"):
        assert assigns_result(code)
    for code in ("result = 3", "result = ...", "results = a.b", "a b", "nations.WHERE(a)"):
        assert not assigns_result(code)


def test_a_program_in_a_string_is_data() -> None:
    code = 'load("graph.json")\nx = from_string("result = nations.CALCULATE(name)")'
    assert CodeBlock("text", code).kind == "words"
