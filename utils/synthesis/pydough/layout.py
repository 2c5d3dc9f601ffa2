"""How a program is laid out: a chain of calls on one line where it fits, else one call a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 100


@dataclass(frozen=True)
class Step:
    """One call of a chain, such as WHERE with its arguments; without arguments a link: `.orders`."""

    name: str
    arguments: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return self.name if self.arguments is None else f"{self.name}({', '.join(self.arguments)})"


def chain_text(head: str, steps: Sequence[Step]) -> str:
    """A chain as one expression on one line."""
    return ".".join([head, *map(str, steps)])


def assignment(variable: str, head: str, steps: Sequence[Step]) -> str:
    """`variable = head.STEP(...)`, on several lines where one would be too long."""
    line = f"{variable} = {chain_text(head, steps)}"
    if len(line) <= WIDTH:
        return line
    calls = [step for step in steps if step.arguments is not None]
    if len(calls) == 1 and steps[-1] is calls[0]:
        before = ".".join([head, *map(str, steps[:-1])])
        return f"{variable} = {before}.{_broken(calls[0], 0)}"
    parts: list[str] = []
    links = head
    for step in steps:
        if step.arguments is None:
            links = f"{links}.{step}"
            continue
        text = str(step)
        indented = len(text) + 5 + (len(links) if not parts else 0)
        shown = text if indented <= WIDTH else _broken(step, 4)
        parts.append(f"    {links}.{shown}")
        links = ""
    if links:
        parts.append(f"    {links}")
    return f"{variable} = (\n" + "\n".join(parts) + "\n)"


def _broken(step: Step, indent: int) -> str:
    """A call with its arguments on a line of their own, or on one each."""
    space = " " * indent
    arguments = step.arguments or ()
    together = f"{space}    {', '.join(arguments)}"
    if len(together) <= WIDTH:
        return f"{step.name}(\n{together}\n{space})"
    lines = "".join(f"{space}    {argument},\n" for argument in arguments)
    return f"{step.name}(\n{lines}{space})"
