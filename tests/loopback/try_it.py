"""The whole pipeline against a Gemini of our own: no key, no network, no cost.

    python -m tests.loopback.try_it [--work-dir training_data/loopback] [flags for stage 3]

Builds the databases where they are missing, then runs the four scripts with `--provider gemini` against a server
that answers from the corpus, wrong now and then, withholds an answer in forty, and fails three requests.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.loopback.corpus_model import CorpusModel, withheld
from tests.loopback.gemini_server import Fault, LoopbackGemini
from utils.core.paths import DEFAULT_WORK_DIR, PROJECT_ROOT

DUMMY_KEY = "loopback-needs-no-key"
DELAY_S = 0.03
FAULTS = [
    *[Fault("none")] * 5,
    Fault("status", status=503, message="The model is overloaded."),
    *[Fault("none")] * 5,
    Fault("rate_limit", seconds=1),
    *[Fault("none")] * 5,
    Fault("drop"),
]


def commands(base_url: str, work_dir: Path, failures: int, extra: Sequence[str]) -> list[list[str]]:
    """The command lines in order; `failures` rows may fail in stages 3 and 4, `extra` goes to stage 3."""
    work = ["--work-dir", str(work_dir)]
    asked = [*work, "--provider", "gemini", "--base-url", base_url, "--rpm", "6000"]
    allowed = ["--max-failures", str(failures)]
    return [
        ["-m", "utils.databases.build", *work],
        ["basicQ_retrieve_pydough.py", *asked],
        ["retrieve_pydough.py", *asked],
        ["generate_finetuning_data_gemini.py", *asked, "--ask", "all", *allowed, *extra],
        ["merge_schema_data.py", *work, *allowed],
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of the first script that does not end well, else 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--work-dir", type=Path, default=DEFAULT_WORK_DIR / "loopback", help="folder of all files")
    args, extra = parser.parse_known_args(argv)
    model = CorpusModel()
    failures = sum(withheld(asked) for asked in model.programs)
    environment = {**os.environ, "GOOGLE_API_KEY": DUMMY_KEY}
    with LoopbackGemini(model, faults=FAULTS, api_key=DUMMY_KEY, delay_s=DELAY_S, keep_bodies=False) as server:
        code = 0
        for command in commands(server.base_url, args.work_dir.resolve(), failures, extra):
            print("+ python", *command, flush=True)
            code = subprocess.run([sys.executable, *command], cwd=PROJECT_ROOT, env=environment, check=False).returncode
            if code:
                break
        batched = f", {server.batch_items} more in {len(server.batch_jobs)} batches" if server.batch_jobs else ""
        repeated = sum(count - 1 for count in server.duplicates().values())
        print(f"loopback: {len(server.requests)} requests ({repeated} of them sent again){batched}")
    return code


if __name__ == "__main__":
    sys.exit(main())
