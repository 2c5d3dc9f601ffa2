"""Run the four scripts one after another, as cron does.

    python -m utils.nightly --provider gemini --max-cost-usd 5 --upload gs://bucket/sets --keep 14 --max-shrink 0.1

Every flag goes to those of the four scripts that have it; --questions goes to the last three, --basic-questions to the
first. One run at a time; the log is logs/nightly.log in the work folder, the status file status.json.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from utils.core.arguments import CommandLine
from utils.core.console import ExitCode, Interrupted, log_to_file, mask_secrets, run_script
from utils.core.locks import hold_lock
from utils.core.paths import DEFAULT_WORK_DIR, WorkDir
from utils.core.settings import load_settings
from utils.dataset.manifest import read_manifest
from utils.gemini.spending import spent_by_model
from utils.nightly import stages
from utils.nightly.status import Run, Status, outcome_of, read_status, state_of, write_status

_WORST_FIRST = (ExitCode.BELOW_TARGET, ExitCode.INTERRUPTED, ExitCode.DONE)


def build_parser() -> argparse.ArgumentParser:
    """The command line of this module; what it does not know is for the four scripts."""
    parser = CommandLine(
        prog="python -m utils.nightly",
        description=(__doc__ or "").splitlines()[0],
        epilog="Every other flag goes to those of the four scripts that have it; --questions to all but the first.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--work-dir", type=Path, default=DEFAULT_WORK_DIR, help="folder of all built files (default training_data)"
    )
    parser.add_argument(
        stages.BASIC_QUESTIONS, nargs="+", metavar="FILE", help="the first script's --questions: on the language"
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run what there is to run, tell how it ended, and leave both in the status file."""
    own, others = build_parser().parse_known_args(argv)
    load_settings()  # knows the secrets that no line of the log may hold
    work = WorkDir(own.work_dir)
    flags = ["--work-dir", str(own.work_dir.absolute()), *others]
    if own.basic_questions:
        flags += [stages.BASIC_QUESTIONS, *own.basic_questions]
    routes = stages.routed(flags)
    hold_lock(work.root)
    log_to_file(work.root / "logs" / "nightly.log")
    return _Night(work).run(routes)


class _Night:
    """One run, its status file kept up to date."""

    def __init__(self, work: WorkDir) -> None:
        self._work = work
        self._path = work.root / "status.json"
        before = read_status(self._path)
        self._status = Status(
            process=os.getpid(),
            run=Run(started_at=datetime.now(UTC)),
            last_success=before.last_success if before else None,
        )
        self._spent_before = _spent(work)

    def run(self, routes: dict[str, list[str]]) -> int:
        """Run the scripts; what only costs rows, or waits for tomorrow's quota, does not keep the next from running."""
        codes: list[int] = []
        try:
            for script, flags in routes.items():
                self._status.stage = script
                write_status(self._path, self._status)
                end = stages.run_script(script, flags)
                codes.append(end.code)
                if end.code:
                    told = mask_secrets("\n".join(end.last_lines))
                    self._status.message = told.splitlines()[-1] if told else ""
                    print(f"{script} ended with {end.code}:\n{told}", file=sys.stderr)
                if end.code not in _WORST_FIRST:
                    break
        except BaseException as error:
            self._status.message = mask_secrets(f"{type(error).__name__}: {error}")
            stopped = isinstance(error, Interrupted | KeyboardInterrupt)
            self._end(ExitCode.INTERRUPTED if stopped else ExitCode.USAGE)
            raise
        published = len(codes) == len(routes) and codes[-1] == ExitCode.DONE
        return self._end(_worst(codes), published)

    def _end(self, code: int, published: bool = False) -> int:
        status, run = self._status, self._status.run
        run.ended_at = datetime.now(UTC)
        run.duration_s = round((run.ended_at - run.started_at).total_seconds(), 1)
        spent = _spent(self._work)
        run.cost_usd = None if spent is None or self._spent_before is None else round(spent - self._spent_before, 6)
        if published:
            status.run = run = run.model_copy(update=outcome_of(read_manifest(self._work.sft / "latest")))
        status.state, status.exit_code = state_of(code), code
        if code == ExitCode.DONE:
            status.stage = ""
            status.last_success = run
        write_status(self._path, status)
        rows = ", ".join(f"{count:,} {name}" for name, count in run.rows.items())
        rows = f"version {run.version}: {rows}" if published else "nothing published"
        cost = "an unknown price" if run.cost_usd is None else f"{run.cost_usd:.2f} USD"
        print(f"nightly: {status.state} after {run.duration_s:.0f} s for {cost}; {rows}")
        return code


def _worst(codes: list[int]) -> int:
    """The exit code of a run whose scripts ended with `codes`."""
    unusual = [code for code in codes if code not in _WORST_FIRST]
    return unusual[0] if unusual else next(code for code in _WORST_FIRST if code in codes)


def _spent(work: WorkDir) -> float | None:
    """US dollars in the ledger so far; None where a price is not known."""
    prices = [model["usd"] for model in spent_by_model(work.ledger).values()]
    return None if None in prices else sum(price for price in prices if price is not None)


if __name__ == "__main__":
    sys.exit(run_script(main))
