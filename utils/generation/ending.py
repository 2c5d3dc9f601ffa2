"""How stage 3 ends: what of its rows is told, and the exit code they mean."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from utils.core.console import ExitCode, mask_secrets
from utils.core.jsonl import read_records
from utils.core.questions import SYNTHETIC
from utils.core.records import Example
from utils.core.summary import exit_code
from utils.generation.plan import NOT_ASKED, StagePlan
from utils.generation.stage import StageEnd


def told(output: Path) -> Counter[str]:
    """Counts by status; every row that was tried and not accepted is told with its reason."""
    counts: Counter[str] = Counter()
    for example in read_records(output, Example):
        counts[example.status] += 1
        if not example.accepted and example.status != NOT_ASKED:
            reason = example.detail or (example.verdict.detail if example.verdict else "")
            print(mask_secrets(f"{example.question_id}: {example.status}: {reason}"), file=sys.stderr)
    return counts


def stage_code(args: argparse.Namespace, plan: StagePlan, counts: Counter[str], end: StageEnd, asks: bool) -> ExitCode:
    """The exit code; raises why not all was asked, where that left something to ask. `asks`: for missing programs."""
    code = exit_code(counts, counts["accepted"], args.min_accepted, args.max_failures)
    missed = plan.target is None or counts["accepted"] < plan.target
    if end.spent is not None and (missed or plan.paraphrase):
        raise end.spent
    if plan.made is not None:
        rows = read_records(plan.output, Example)
        accepted = sum(one.accepted and (one.tier or "").startswith(SYNTHETIC) for one in rows)
        return max(code, _target_code(accepted, plan.made.target, "nothing else can be made of these databases"))
    if plan.target is not None and asks:
        return max(code, _target_code(counts["accepted"], plan.target, "the questions are spent"))
    return code


def _target_code(accepted: int, target: int, why_not: str) -> ExitCode:
    if accepted >= target:
        print(f"target: {accepted:,} rows accepted, {target:,} asked for")
        return ExitCode.DONE
    print(f"below target: {accepted:,} rows accepted, --target-accepted asks for {target:,}: {why_not}")
    return ExitCode.BELOW_TARGET
