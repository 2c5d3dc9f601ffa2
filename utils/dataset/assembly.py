"""A version of the set, whole: its files, their checks, other formats, card, report and manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from utils.core.console import UserError
from utils.core.paths import WorkDir
from utils.core.questions import known_databases
from utils.databases.catalog import DatabaseEntry
from utils.dataset.card import write_card
from utils.dataset.contract import file_problem
from utils.dataset.execution import Execution, run_targets, unproven_rows
from utils.dataset.formats import Format, write_format
from utils.dataset.leakage import checked_leakage
from utils.dataset.manifest import build_manifest, write_manifest
from utils.dataset.prompt_template import write_prompt_template
from utils.dataset.release import ReleaseSettings, write_release
from utils.dataset.rendering import LineSettings, Rendering
from utils.dataset.report import write_report
from utils.dataset.versions import version_name


@dataclass(frozen=True)
class ReleasePlan:
    """What a version is made of: rows, answers, question files, databases, and how."""

    generated: Path
    answers: Path
    questions: list[Path]
    entries: Mapping[str, DatabaseEntry]
    lines: LineSettings
    rows: ReleaseSettings
    decontaminate: list[Path]
    formats: tuple[Format, ...] = ()
    execution: Execution = field(default_factory=Execution)

    def used(self) -> dict[str, DatabaseEntry]:
        """The databases that the questions name."""
        names = {name.lower() for _id, name in known_databases(self.questions)}
        return {name: entry for name, entry in self.entries.items() if name.lower() in names}

    def inputs(self) -> list[Path]:
        """The files that decide what is written."""
        graphs = {entry.graph_path for entry in self.used().values()}
        return [*self.questions, self.generated, self.answers, *self.decontaminate, *sorted(graphs)]

    def version(self) -> str:
        """The name of what this plan makes."""
        return version_name(self.inputs(), (self.lines, self.rows, self.formats, self.execution.state()), self.used())


def assemble(folder: Path, plan: ReleasePlan, work: WorkDir) -> None:
    """Write the version of a plan into `folder`, the manifest last.

    Raises UserError where the set would break Gemini's limits or something stands on two sides of the split.
    """
    contamination = None
    if plan.decontaminate:
        from utils.dataset.decontaminate import Contamination  # loads sqlglot and SciPy, 80 MB

        contamination = Contamination.from_files(plan.decontaminate)
    rendering = Rendering(plan.entries, plan.lines)
    known = known_databases(plan.questions)
    execution = plan.execution
    unproven = unproven_rows(plan.generated, plan.entries, execution) if execution.reprove else None
    rows = replace(plan.rows, sample=execution.targets)
    counts = write_release(folder, plan.generated, plan.answers, known, rendering, rows, contamination, unproven)
    if problem := file_problem(counts.rows["train"] + counts.answers["train"], counts.rows["validation"]):
        raise UserError(f"{problem}; lower --validation-share")
    target = plan.lines.target
    executed = run_targets(folder, plan.generated, counts.sample, target, plan.entries, execution)
    checks = {
        "leakage": checked_leakage(folder, plan.rows.split, target),
        "executed": {"targets": executed, "rows_proven_again": execution.reprove, "unproven": len(unproven or ())},
    }
    for name in plan.formats:
        write_format(folder, name)
    lines = plan.lines
    write_prompt_template(folder, lines.system_instruction, lines.schema, lines.with_documentation, lines.target)
    settings = {"lines": lines, "rows": plan.rows}
    manifest = build_manifest(plan.version(), folder, counts, checks, settings, plan.inputs(), plan.used(), work)
    write_card(folder, manifest)
    write_report(folder, manifest)
    write_manifest(folder, manifest)
