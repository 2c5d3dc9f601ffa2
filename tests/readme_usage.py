"""The README's usage section, made from each command's --help.

python -m tests.readme_usage        # writes it into README.md
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADING = "## Every flag\n"
COMMANDS = (
    ["basicQ_retrieve_pydough.py"],
    ["retrieve_pydough.py"],
    ["generate_finetuning_data_gemini.py"],
    ["merge_schema_data.py"],
    ["-m", "utils.nightly"],
    ["-m", "utils.dataset.check"],
    ["-m", "utils.proof"],
    ["-m", "utils.gemini.ledger"],
    ["-m", "utils.databases.build"],
    ["-m", "utils.databases.check_graph"],
    ["-m", "utils.synthesis.show"],
    ["-m", "retriver.search"],
    ["-m", "retriver.ingest"],
)


def usage_section() -> str:
    """What stands under the heading, from the commands themselves."""
    parts = []
    for command in COMMANDS:
        environment = {**os.environ, "COLUMNS": "110", "PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            [sys.executable, *command, "--help"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        help_text = run.stdout.replace(str(ROOT) + "/", "").rstrip()
        parts.append(f"### python {' '.join(command)}\n\n```\n{help_text}\n```\n")
    return "\n".join(parts)


def main() -> None:
    """Replace the section in README.md."""
    readme = ROOT / "README.md"
    before, _heading, _old = readme.read_text(encoding="utf-8").partition(HEADING)
    readme.write_text(f"{before}{HEADING}\n{usage_section()}", encoding="utf-8")


if __name__ == "__main__":
    main()
