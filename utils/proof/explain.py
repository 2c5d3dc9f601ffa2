"""A verdict to read: what was asked, what differs, and the smallest data that shows it."""

from __future__ import annotations

from collections.abc import Sequence

from utils.core.records import Cell, Counterexample, TableRows, Verdict
from utils.proof.compare import OPEN_ORDER

_WIDEST = 40


def explained(question_id: str, program: str, gold_sql: str, verdict: Verdict) -> str:
    """The verdict as plain text, with program, gold SQL and counterexample."""
    parts = [f"{question_id}: {verdict.status}", *_about(verdict)]
    parts += ["", "The program:", _indented(program), "", "The gold SQL:", _indented(gold_sql)]
    if verdict.counterexample is not None:
        parts += ["", counterexample_text(verdict, verdict.counterexample)]
    if verdict.data_rules:
        parts += ["", "What made data may hold, and who says so:", *(f"  {line}" for line in verdict.data_rules)]
    return "\n".join(parts) + "\n"


def counterexample_text(
    verdict: Verdict,
    example: Counterexample,
    opening: str = "The smallest data found on which they differ:",
    right: str = "the gold SQL gives",
) -> str:
    """The smallest data on which a program differs, and both answers; `right` names whose the right one is."""
    parts = [opening]
    if example.clock:
        parts.append(f"  (now is {example.clock})")
    for name, table in example.tables.items():
        parts += ["", f"  {name}", _table(table)]
    parts += ["", f"On it {right}", _table(example.gold), "", "and the program", _table(example.program)]
    if OPEN_ORDER in verdict.detail:
        parts.append("  (or the same rows in another order: nothing in the program decides)")
    return "\n".join(parts)


def _about(verdict: Verdict) -> list[str]:
    lines = [f"  {verdict.detail}"] if verdict.detail else []
    if verdict.reasons:
        lines.append(f"  reason: {', '.join(verdict.reasons)}: without it in the data, both give the same")
    if verdict.reasons == ["other"]:
        lines[-1] = "  reason: other: no single feature of the data explains it"
    lines.append(f"  right on {verdict.instances_passed} of {verdict.instances_tried} databases tried")
    lines += [f"  accepted {count} differences for {reason}" for reason, count in verdict.accepted.items()]
    lines += [f"  note: {note}" for note in verdict.notes]
    lines += [f"  line {lint.line}, {lint.code}: {lint.explanation}" for lint in verdict.lints]
    return lines


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.strip().splitlines())


def _table(table: TableRows) -> str:
    """Rows as aligned text; null is written as null, so that it differs from an empty text."""
    if not table.rows:
        return "    (no rows)"
    names = table.columns if len(table.columns) == len(table.rows[0]) else [""] * len(table.rows[0])
    cells = [[_cell(cell) for cell in row] for row in table.rows]
    widths = [max(len(line[place]) for line in [names, *cells]) for place in range(len(names))]
    lines = [_line(names, widths), _line(["-" * width for width in widths], widths)] if any(names) else []
    lines += [_line(row, widths) for row in cells]
    if table.more:
        lines.append(f"    ... and {table.more:,} more")
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "    " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _cell(cell: Cell) -> str:
    if cell is None:
        return "null"
    if isinstance(cell, str):
        text = " ".join(cell.split()) if cell.strip() == cell and cell else repr(cell)
        return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."
    return f"{cell:.12g}" if isinstance(cell, float) else str(cell)
