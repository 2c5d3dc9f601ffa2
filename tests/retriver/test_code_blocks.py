"""Which code a Markdown text shows, and the program a block stands for."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriver.code_blocks import CodeBlock, Marks, marks_of, program_of, read_markdown

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


@given(st.text(alphabet="`~>- \n\t#1.[]()ab=", max_size=300))
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
        ("ruby", "a b c", "program"),
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
    assert time.perf_counter() - started < 5


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
