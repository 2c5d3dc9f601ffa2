"""Programs that are the same but for their writing, and programs that only look alike."""

from __future__ import annotations

import ast
import random
import time
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.core.paths import QUESTIONS_DIR
from utils.core.questions import read_questions
from utils.programs.normal_form import forms, normal_form, template
from utils.programs.source import ProgramError
from utils.programs.terms import operators

FILES = [QUESTIONS_DIR / "broker.csv", QUESTIONS_DIR / "tpch.csv"]
CORPUS = [row.question.pydough for row in read_questions(FILES) if row.question.pydough]
ALIKE = [
    ("x = parts\nresult = x", "everything = parts  # all\n\nresult = (\n    everything\n)"),
    ("result = parts.WHERE(size > 3)", "result=parts.WHERE( (size>3) )"),
    ("result = parts.WHERE(name == 'a')", 'result = parts.WHERE(name == "a")'),
    ("n = 3\nk = n\nresult = parts.TOP_K(k, by=size)", "k = 3\nn = k\nresult = parts.TOP_K(n, by=size)"),
    (
        "cs = [COUNT(x) for x in (a, b)]\nresult = T.CALCULATE(c=cs[0])",
        "ds = [COUNT(y) for y in (a, b)]\nresult = T.CALCULATE(c=ds[0])",
    ),
    (
        "def top(c, n):\n    return c.TOP_K(n, by=size)\nresult = top(parts, 3)",
        "def best(d, k):\n    return d.TOP_K(k, by=size)\nresult = best(parts, 3)",
    ),
    (
        "f = lambda a: a + 1\nresult = parts.CALCULATE(x=f(size))",
        "g = lambda b: b + 1\nresult = parts.CALCULATE(x=g(size))",
    ),
    ("for c in (a, b):\n    result = c", "for d in (a, b):\n    result = d"),
    # operands
    ("result = a.WHERE(x & y & z)", "result = a.WHERE(z & (y & x))"),
    ("result = a.WHERE(x | y | (z & w))", "result = a.WHERE((w & z) | x | y)"),
    ("result = a.CALCULATE(n=x + y * 2)", "result = a.CALCULATE(n=2 * y + x)"),
    ("result = a.CALCULATE(n=x * y * z)", "result = a.CALCULATE(n=z * (y * x))"),
    ("result = a.WHERE((x == 1) & (y != z))", "result = a.WHERE((z != y) & (1 == x))"),
    ("result = a.WHERE(x > y)", "result = a.WHERE(y < x)"),
    ("result = a.WHERE(x >= 3)", "result = a.WHERE(3 <= x)"),
    ("result = a.WHERE(ISIN(x, ('p', 'q')))", "result = a.WHERE(ISIN(x, ['q', 'p', 'q']))"),
    ("result = a.CALCULATE(n=LARGEST(x, y, 0))", "result = a.CALCULATE(n=LARGEST(0, y, x))"),
    (
        "result = a.CALCULATE(n=RANKING(by=x.ASC(), per='g', allow_ties=True))",
        "result = a.CALCULATE(n=RANKING(allow_ties=True, per='g', by=x.ASC()))",
    ),
    ("def f(c):\n    return c.WHERE(x & y)\nresult = f(a)", "def g(d):\n    return d.WHERE(y & x)\nresult = g(a)"),
    # named steps
    ("x = a.WHERE(c)\nresult = x.CALCULATE(y)", "result = a.WHERE(c).CALCULATE(y)"),
    ("p = x > 1\nq = y & p\nresult = a.WHERE(q & z)", "result = a.WHERE(z & (1 < x) & y)"),
    ("k = (x.ASC(), y.ASC())\nresult = a.TOP_K(3, by=k)", "result = a.TOP_K(3, by=(x.ASC(), y.ASC()))"),
    ("k = ('q', 'p')\nresult = a.WHERE(ISIN(x, k))", "result = a.WHERE(ISIN(x, ('p', 'q')))"),
    ("x = a\nx = x.WHERE(c)\nresult = x", "result = a.WHERE(c)"),
    ("x = a\ny = b\nresult = CROSS(x, y)", "s = b\nt = a\nresult = CROSS(t, s)"),
    ("unused = b\nresult = a", "result = a"),
    ("import datetime\nresult = a.WHERE(d < datetime.date(2020, 1, 1))", "result = a.WHERE(d < datetime.date(2020, 1, 1))"),
    ("result: object = a\nresult", "result = a"),
]  # fmt: skip
DIFFERENT = [
    ("result = parts.WHERE(size > 3)", "result = parts.WHERE(size >= 3)"),
    ("result = parts.WHERE(size > 3)", "result = parts.WHERE(size > 4)"),
    ("result = parts.WHERE(size > 3)", "result = parts.WHERE(size < 3)"),
    ("result = parts.CALCULATE(name)", "result = parts.CALCULATE(brand)"),
    ("result = parts.CALCULATE(a=name)", "result = parts.CALCULATE(b=name)"),
    ("x = parts\ny = lines\nresult = x", "x = parts\ny = lines\nresult = y"),
    ("x = customers\ncustomers = 3\nresult = x", "x = suppliers\nsuppliers = 3\nresult = x"),
    ("def f(a, b):\n    return a - b\nresult = f(a=x, b=y)", "def f(b, a):\n    return b - a\nresult = f(a=x, b=y)"),
    ("f = lambda a, b: a\nresult = f(x, y)", "f = lambda a, b: b\nresult = f(x, y)"),
    # order that has an effect
    ("result = a.CALCULATE(x, y)", "result = a.CALCULATE(y, x)"),
    ("result = a.CALCULATE(p=x, q=y)", "result = a.CALCULATE(q=y, p=x)"),
    ("result = a.TOP_K(3, by=(x, y))", "result = a.TOP_K(3, by=(y, x))"),
    ("result = a.ORDER_BY(x, y)", "result = a.ORDER_BY(y, x)"),
    ("result = a.PARTITION(name='g', by=(x, y))", "result = a.PARTITION(name='g', by=(y, x))"),
    ("result = a.CALCULATE(n=x - y)", "result = a.CALCULATE(n=y - x)"),
    ("result = a.CALCULATE(n=x - y + z)", "result = a.CALCULATE(n=x - (y + z))"),
    ("result = a.CALCULATE(n=x / y * z)", "result = a.CALCULATE(n=x / (y * z))"),
    ("result = a.CALCULATE(n=x ** y)", "result = a.CALCULATE(n=y ** x)"),
    ("result = a.CALCULATE(n=JOIN_STRINGS('', x, y))", "result = a.CALCULATE(n=JOIN_STRINGS('', y, x))"),
    ("result = a.CALCULATE(n=DEFAULT_TO(x, y))", "result = a.CALCULATE(n=DEFAULT_TO(y, x))"),
    ("result = a.CALCULATE(n=KEEP_IF(x, y))", "result = a.CALCULATE(n=KEEP_IF(y, x))"),
    ("result = a.CALCULATE(n=IFF(c, x, y))", "result = a.CALCULATE(n=IFF(c, y, x))"),
    ("result = a.WHERE(MONOTONIC(x, y, z))", "result = a.WHERE(MONOTONIC(z, y, x))"),
    ("result = a.WHERE(x & (y | z))", "result = a.WHERE((x & y) | z)"),
    ("result = a.WHERE(x).TOP_K(3, by=y)", "result = a.TOP_K(3, by=y).WHERE(x)"),
    ("result = a.WHERE(x == 1)", "result = a.WHERE(x == True)"),
    ("result = a.WHERE(x == 1)", "result = a.WHERE(x == 1.0)"),
    ("result = a.WHERE(x == '1')", "result = a.WHERE(x == 1)"),
    ("result = a.WHERE(ISIN(x, ('p', 'q')))", "result = a.WHERE(ISIN(x, ('p', 'r')))"),
    ("result = a.WHERE(name)", "result = a.WHERE('name')"),
    ("result = a.CALCULATE(n=x[:2])", "result = a.CALCULATE(n=x[2:])"),
    # Python's own texts, lists and dictionaries
    ("p = 'a' + 'b'\nresult = t.WHERE(x == p)", "p = 'b' + 'a'\nresult = t.WHERE(x == p)"),
    ("p = 'a'\nq = 'b'\nresult = t.WHERE(x == p + q)", "p = 'a'\nq = 'b'\nresult = t.WHERE(x == q + p)"),
    ("k = (x,) + (y,)\nresult = a.TOP_K(3, by=k)", "k = (y,) + (x,)\nresult = a.TOP_K(3, by=k)"),
    ("d = {'p': x} | {'p': y}\nresult = a.CALCULATE(**d)", "d = {'p': y} | {'p': x}\nresult = a.CALCULATE(**d)"),
    ("result = a.CALCULATE(**{'p': x, 'q': y})", "result = a.CALCULATE(**{'q': y, 'p': x})"),
    ("result = a.CALCULATE(n=x + str(1) + str(2))", "result = a.CALCULATE(n=x + str(2) + str(1))"),
    # steps whose place matters
    ("x = a\na = b\nresult = x", "a = b\nx = a\nresult = x"),
    ("d = {}\nd['p'] = x\nresult = a.CALCULATE(**d)", "d = {}\nd['p'] = y\nresult = a.CALCULATE(**d)"),
    ("k = [x]\nk.append(y)\nresult = a.TOP_K(3, by=k)", "k = [x]\nresult = a.TOP_K(3, by=k)"),
    ("x = a\nif x:\n    x = b\nresult = x", "x = a\nresult = x"),
    ("n = []\ndef f(c):\n    n.append(c)\n    return len(n)\nresult = a.TOP_K(f(x) + 2 * f(y), by=z)",
     "n = []\ndef f(c):\n    n.append(c)\n    return len(n)\nresult = a.TOP_K(2 * f(y) + f(x), by=z)"),
    # names that a new name must not meet
    ("for c in (v0, b):\n    result = c", "for c in (c0, b):\n    result = c"),
    ("for c in (a, b):\n    result = v0", "for c in (a, b):\n    result = c"),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), ALIKE)
def test_programs_that_differ_in_their_writing_are_the_same(left: str, right: str) -> None:
    assert normal_form(left) == normal_form(right)
    assert template(left) == template(right)


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_other_programs_are_not_the_same(left: str, right: str) -> None:
    assert normal_form(left) != normal_form(right)


def test_the_programs_of_the_corpus_stay_different() -> None:
    assert len({normal_form(program) for program in CORPUS}) == len(CORPUS) > 160
    assert len({template(program) for program in CORPUS}) > 0.95 * len(CORPUS)


@pytest.mark.parametrize("program", [program for program in CORPUS if "DataFrame" not in program])
def test_the_normal_form_of_a_program_is_its_own_normal_form(program: str) -> None:
    once = forms(program)
    assert forms(once.normal_form).normal_form == once.normal_form
    assert forms(once.normal_form).template == once.template


@pytest.mark.parametrize("program", [*CORPUS, *(program for pair in ALIKE + DIFFERENT for program in pair)])
def test_all_three_come_from_one_reading(program: str) -> None:
    found = forms(program)
    assert (found.normal_form, found.template) == (normal_form(program), template(program))
    assert list(found.operators) == operators(program)


class _Otherwise(ast.NodeTransformer):
    """Writes a program otherwise: operands in another order, comparisons turned round, variables renamed."""

    _mirrored: dict[type[ast.cmpop], type[ast.cmpop]] = {
        ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE, ast.Eq: ast.Eq, ast.NotEq: ast.NotEq,
    }  # fmt: skip

    def __init__(self, seed: int, variables: set[str]) -> None:
        self._random = random.Random(seed)
        names = self._random.sample([f"step_{number}" for number in range(99)], len(variables))
        self._names = dict(zip(sorted(variables - {"result"}), names, strict=False))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self._names.get(node.id, node.id), node.ctx)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.BitAnd | ast.BitOr | ast.Add | ast.Mult) and self._random.random() < 0.5:
            node.left, node.right = node.right, node.left
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if self._random.random() < 0.5:
            node.left, node.comparators = node.comparators[0], [node.left]
            node.ops = [self._mirrored[type(node.ops[0])]()]
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func).rpartition(".")[2]
        if name != "CALCULATE" and name.isupper():
            self._random.shuffle(node.keywords)
        if name == "ISIN" and isinstance(node.args[1], ast.Tuple):
            self._random.shuffle(node.args[1].elts)
        if name in {"LARGEST", "SMALLEST"}:
            self._random.shuffle(node.args)
        return node


@given(st.sampled_from(CORPUS), st.integers(0, 10_000))
def test_no_order_of_operands_and_no_variable_name_changes_a_form(program: str, seed: int) -> None:
    tree = ast.parse(program)
    variables = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    otherwise = ast.unparse(_Otherwise(seed, variables).visit(tree))
    assert normal_form(otherwise) == normal_form(program)
    assert template(otherwise) == template(program)


columns = st.sampled_from(["size", "price", "discount", "1", "2.5", "lines.tax"])
formulas = st.recursive(
    columns,
    lambda inner: st.tuples(st.sampled_from(["+", "*", "-", "/"]), inner, inner).map(
        lambda parts: f"({parts[1]} {parts[0]} {parts[2]})"
    ),
    max_leaves=6,
)
VALUES = {"size": 3, "price": 17, "discount": 0.31, "tax": 0.07}


@given(formulas, formulas)
def test_formulas_of_equal_form_give_equal_numbers(left: str, right: str) -> None:
    def number(formula: str) -> float | None:
        try:
            return eval(formula.replace("lines.", ""), {"__builtins__": {}}, dict(VALUES))
        except ZeroDivisionError:
            return None

    one, other = (normal_form(f"result = parts.CALCULATE(x={formula})") for formula in (left, right))
    if one == other:
        assert number(left) == pytest.approx(number(right))
    written = one.removeprefix("result = parts.CALCULATE(x=").removesuffix(")")
    assert number(written) == pytest.approx(number(left)) or number(left) is None


names = st.sampled_from(["alpha", "beta", "gamma", "delta", "v0", "v1", "one", "parts_of"])


@given(st.lists(names, min_size=3, max_size=3, unique=True), st.booleans(), st.text("#abc \t", max_size=9))
def test_no_choice_of_variable_names_or_layout_changes_the_normal_form(
    chosen: list[str], brackets: bool, remark: str
) -> None:
    first, second, third = chosen
    opened, closed = ("(\n   ", "\n )") if brackets else ("", "")
    program = (
        f"{first} = {opened}lines.WHERE(quantity > 5){closed}  # {remark}\n"
        f"\n{second} = 7 # {first}\n"
        f"{third} = {first}.CALCULATE(quantity,n={second})\n"
        f"result = {opened}{third}.TOP_K({second}, by=(quantity.DESC(), order_key.ASC())){closed}\n"
    )
    assert normal_form(program) == (
        "result = lines.WHERE((5 < quantity)).CALCULATE(quantity, n=7).TOP_K(7, by=(quantity.DESC(), order_key.ASC()))"
    )


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("result = parts.WHERE(size > 3)", "result = orders.WHERE(key > 70)"),
        ("result = parts.WHERE(size > 3)", "result = orders.WHERE(70 < key)"),
        ("result = parts.CALCULATE(name, n=COUNT(lines))", "result = nations.CALCULATE(key, m=COUNT(customers))"),
        ("x = parts.TOP_K(3, by=size.DESC())\nresult = x", "y = lines.TOP_K(9, by=tax.DESC())\nresult = y"),
        ("def f(a):\n    return a\nresult = f(x)", "def g(b):\n    return b\nresult = g(y)"),
        ("result = a.b.c", "result = d.e.f"),
        ("result = TPCH.CALCULATE(n=COUNT(orders))", "result = Broker.CALCULATE(by=COUNT(tickers))"),
        ("result = a.WHERE((x > 1) & HAS(z))", "result = b.WHERE(HAS(a) & (5 < y))"),
    ],
)
def test_programs_that_differ_in_names_and_constants_share_a_template(left: str, right: str) -> None:
    assert template(left) == template(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("result = parts.WHERE(size > 3)", "result = parts.WHERE(size >= 3)"),
        ("result = parts.WHERE(size > 3)", "result = parts.WHERE(size > 'x')"),
        ("result = parts.CALCULATE(n=SUM(size))", "result = parts.CALCULATE(n=AVG(size))"),
        ("result = parts.CALCULATE(a)", "result = parts.CALCULATE(a, b)"),
        ("result = parts.ORDER_BY(a.ASC())", "result = parts.ORDER_BY(a.DESC())"),
        ("result = parts.ORDER_BY(a.ASC(), b.DESC())", "result = parts.ORDER_BY(a.DESC(), b.ASC())"),
        ("result = a.b", "result = a.b.c"),
        ("result = R.CALCULATE(x=RANKING(by=a, per='b'))", "result = R.CALCULATE(x=RANKING(by=a))"),
        ("result = R.CALCULATE(x=RANKING(by=a, allow_ties=True))", "result = R.CALCULATE(x=RANKING(by=a, dense=True))"),
    ],
)
def test_programs_with_other_operators_or_structure_do_not(left: str, right: str) -> None:
    assert template(left) != template(right)


words = st.sampled_from(["parts", "lines", "orders", "size", "key", "name"])


@given(words, words, words, st.integers(0, 99), st.integers(0, 99))
def test_a_template_knows_neither_names_nor_numbers(
    collection: str, column: str, other: str, number: int, limit: int
) -> None:
    program = f"result = {collection}.WHERE({column} > {number}).CALCULATE({other}).TOP_K({limit}, by={column}.ASC())"
    assert template(program) == template("result = a.WHERE(b > 1).CALCULATE(c).TOP_K(2, by=d.ASC())")


def test_equal_normal_forms_have_equal_templates() -> None:
    programs = [*CORPUS, *(program for pair in ALIKE + DIFFERENT for program in pair)]
    read = [forms(program) for program in programs]
    assert all(a.template == b.template for a, b in combinations(read, 2) if a.normal_form == b.normal_form)


def test_steps_that_double_in_size_are_read_in_no_time() -> None:
    program = "\n".join(["x0 = a.WHERE(b)", *(f"x{n + 1} = CROSS(x{n}, x{n})" for n in range(200)), "result = x200"])
    started = time.process_time()
    assert len(normal_form(program)) < 20_000
    assert normal_form(program) != normal_form(program.replace("WHERE(b)", "WHERE(c)"))
    assert template(program) == template(program.replace("WHERE(b)", "WHERE(c)"))
    assert time.process_time() - started < 5


def test_what_is_no_program_or_nested_too_deeply_is_an_error() -> None:
    with pytest.raises(ProgramError):
        forms("result = (")
    with pytest.raises(ProgramError):
        forms("x = 3")
    for depth in (900, 3_000):
        with pytest.raises(ProgramError, match=r"nested too deeply|recursion"):
            forms("result = a" + ".b" * depth)


def test_hundreds_of_programs_are_read_in_seconds() -> None:
    programs = [program for program in CORPUS if len(program.splitlines()) <= 6]
    started = time.process_time()
    for program in programs * 10:
        forms(program)
    assert time.process_time() - started < 10
