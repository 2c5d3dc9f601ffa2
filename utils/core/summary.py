"""How a run ends: counts by status on stdout, and the exit code they mean."""

from __future__ import annotations

from collections import Counter

from utils.core.console import ExitCode

# Rows that failed for another reason than a wrong program: these a user wants to hear of.
FAULTS = frozenset(
    {"invalid", "infra_error", "call_failed", "gold_error", "error", "unknown_schema", "contract", "leak", "unproven"}
    | {"blocked", "safety", "recitation", "max_tokens", "empty", "no_answer"}
)


def print_counts(title: str, counts: Counter[str]) -> None:
    """One line: `title: 142 rows (140 accepted, 2 mismatch)`."""
    listed = ", ".join(f"{count:,} {status}" for status, count in sorted(counts.items(), key=lambda item: -item[1]))
    print(f"{title}: {counts.total():,} rows ({listed})" if counts else f"{title}: no rows")


def exit_code(counts: Counter[str], accepted: int, min_accepted: int, max_failures: int) -> ExitCode:
    """DONE, or BELOW_TARGET (told in a line) with too few accepted or too many failed rows."""
    failed = sum(counts[status] for status in FAULTS)
    if accepted < min_accepted:
        print(f"below target: {accepted:,} accepted rows, --min-accepted asks for {min_accepted:,}")
        return ExitCode.BELOW_TARGET
    if failed > max_failures:
        print(f"below target: {failed:,} failed rows, --max-failures allows {max_failures:,}")
        return ExitCode.BELOW_TARGET
    return ExitCode.DONE
