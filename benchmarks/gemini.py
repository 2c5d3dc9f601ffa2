"""How near the Gemini engine comes to a quota, what it costs beside the bare SDK, and what a kill loses.

`make bench-gemini` writes benchmarks/results/gemini.json. Servers and clients are processes of their own on this
machine; ways that are compared run side by side or in turns, in this one run.

- quota: answers take 300 ms and the server refuses what is beyond its quota in any 60 s. Ours, five requests gathered
  every five seconds, and AsyncLimiter(rpm, 60) with as many workers.
- capacity: the server answers 40 requests at once and refuses more; ours, and the same with a fixed limit of 200.
- overhead: requests a second and CPU per request against the bare SDK, answers at once.
- run: stage 3 over 10,000 questions; how much memory its processes take after the first thousand and at the end.
- kills: stage 3 over 2,000 questions, killed five times; calls beyond an undisturbed run.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from utils.core.console import run_script
from utils.core.jsonl import whole_file
from utils.core.paths import PROJECT_ROOT, QUESTIONS_DIR, WorkDir
from utils.core.questions import question_files, read_questions

RESULTS = PROJECT_ROOT / "benchmarks" / "results" / "gemini.json"
QUOTA_SECONDS = 90
CAPACITY_SECONDS = 45
SLOTS, ANSWER_S = 40, 0.3
OVERHEAD_REQUESTS, OVERHEAD_ROUNDS, OVERHEAD_AT_ONCE = 3000, 5, 16
RUN_QUESTIONS, KILL_QUESTIONS, KILLS, KILL_CONCURRENCY = 10_000, 2_000, 5, 16
PARTS = ("quota", "capacity", "overhead", "run", "kills")


def main() -> int:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="measure these, keep other figures")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills (default %(default)s)")
    args = parser.parse_args()
    figures: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    measures = {
        "quota": quota,
        "capacity": capacity,
        "overhead": overhead,
        "run": long_run,
        "kills": lambda: kills(random.Random(args.seed)),
    }
    for part in args.only:
        found = measures[part]()
        figures |= found
        for name, value in found.items():
            print(f"{name:28} {value:>12}", flush=True)
        with whole_file(RESULTS) as stream:
            json.dump(figures, stream, indent=2)
            stream.write("\n")
    return 0


def quota() -> dict[str, Any]:
    """Shares of the quota reached, and how often it was overrun."""
    ways = {
        "600": ["engine", "--rpm", "600"],
        "3000": ["engine", "--rpm", "3000"],
        "naive_600": ["naive"],
        "limiter_600": ["limiter", "--rpm", "600"],
        "limiter_3000": ["limiter", "--rpm", "3000"],
    }
    running = {}
    with servers({name: ["--rpm", name.rpartition("_")[2], "--delay", str(ANSWER_S)] for name in ways}) as urls:
        for name, way in ways.items():
            running[name] = load(*way[:1], urls[name], *way[1:], "--seconds", QUOTA_SECONDS)
        found = {name: result_of(process) for name, process in running.items()}
        refused = {name: stats(urls[name])["refused"].get("rpm", 0) for name in ways}
    share = {
        name: round(result["asked"] / (result["seconds"] * int(name.rpartition("_")[2]) / 60), 4)
        for name, result in found.items()
    }
    return {
        "quota_share_600": share["600"],
        "quota_share_3000": share["3000"],
        "own_429": refused["600"] + refused["3000"],
        "naive_quota_share": share["naive_600"],
        "limiter_quota_share_600": share["limiter_600"],
        "limiter_429_600": refused["limiter_600"],
        "limiter_quota_share_3000": share["limiter_3000"],
        "limiter_429_3000": refused["limiter_3000"],
    }


def capacity() -> dict[str, Any]:
    """Answers a second as a share of what the server can give, and the share of requests it refused."""
    flags = ["--slots", str(SLOTS), "--delay", str(ANSWER_S)]
    ways = {"": "engine", "fixed_200_": "fixed"}
    with servers(dict.fromkeys(ways, flags)) as urls:
        running = {
            name: load(way, urls[name], "--at-once", 200, "--seconds", CAPACITY_SECONDS) for name, way in ways.items()
        }
        found = {name: result_of(process) for name, process in running.items()}
        counted = {name: stats(urls[name]) for name in ways}
    figures: dict[str, Any] = {}
    for name, result in found.items():
        completed, requests = counted[name]["completed"], counted[name]["requests"]
        figures[f"{name}capacity_share"] = round(completed / (result["seconds"] * SLOTS / ANSWER_S), 4)
        figures[f"{name}rejected_share"] = round(sum(counted[name]["refused"].values()) / requests, 4)
    return figures


def overhead() -> dict[str, Any]:
    """Ours against the bare SDK in a loop: CPU per request and requests a second, medians of rounds in turns."""
    rounds: dict[str, list[dict[str, float]]] = {"bare": [], "engine": []}
    with servers({"one": []}) as urls:
        for _ in range(OVERHEAD_ROUNDS):
            for way, results in rounds.items():
                flags = ["--requests", OVERHEAD_REQUESTS, "--at-once", OVERHEAD_AT_ONCE]
                results.append(result_of(load(way, urls["one"], *flags)))

    def ratio(name: str) -> float:
        pairs = zip(rounds["engine"], rounds["bare"], strict=True)
        return round(median(ours[name] / bare[name] for ours, bare in pairs), 3)

    return {
        "overhead_ratio": ratio("cpu_s"),
        "overhead_time_ratio": ratio("seconds"),
        "requests_per_s": round(OVERHEAD_REQUESTS / median(result["seconds"] for result in rounds["engine"])),
        "bare_requests_per_s": round(OVERHEAD_REQUESTS / median(result["seconds"] for result in rounds["bare"])),
    }


def long_run() -> dict[str, Any]:
    """Stage 3 over ten thousand questions: memory of all its processes, early and late."""
    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder), RUN_QUESTIONS) as stage:
        started = time.monotonic()
        process = stage.start(concurrency=32)
        samples: list[tuple[int, float]] = []
        while process.poll() is None:
            samples.append((stage.answered(), memory_mb(process.pid)))
            time.sleep(0.5)
        seconds = time.monotonic() - started
        stage.check(process)
        early = [size for answered, size in samples if 1000 <= answered < 1500]
        late = [size for answered, size in samples if answered >= RUN_QUESTIONS - 1000]
        return {
            "run_questions": RUN_QUESTIONS,
            "run_questions_per_s": round(RUN_QUESTIONS / seconds, 1),
            "memory_mb_first_thousand": round(median(early)),
            "memory_growth_mb": round(median(late) - median(early), 1),
        }


def kills(chance: random.Random) -> dict[str, Any]:
    """Stage 3 killed five times at random moments, beside an undisturbed run."""
    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder, "calm"), KILL_QUESTIONS) as calm:
        calm.check(calm.start(KILL_CONCURRENCY))
        calm_calls = stats(calm.url)["requests"]
        with Stage(Path(folder, "killed"), KILL_QUESTIONS) as stage:
            moments = sorted(chance.sample(range(50, calm_calls - 50), KILLS))
            for moment in moments:
                process = stage.start(KILL_CONCURRENCY)
                while stats(stage.url)["requests"] < moment and process.poll() is None:
                    time.sleep(0.002)
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            stage.check(stage.start(KILL_CONCURRENCY))
            extra = stats(stage.url)["requests"] - calm_calls
            return {
                "kill_extra_calls": extra,
                "kill_concurrency": KILL_CONCURRENCY,
                "kill_limit": KILLS * KILL_CONCURRENCY,
                "kill_output_identical": stage.output.read_bytes() == calm.output.read_bytes(),
                "kill_moments": " ".join(map(str, moments)),
            }


class Stage:
    """A work folder of its own for stage 3, with `questions` questions, and the server it asks."""

    def __init__(self, folder: Path, questions: int) -> None:
        self._work = WorkDir(folder / "work")
        self._work.root.mkdir(parents=True)
        self._work.databases.symlink_to(WorkDir().databases.resolve(), target_is_directory=True)
        self._asked, self._known = folder / "asked.csv", folder / "known.csv"
        write_questions(self._asked, self._known, questions)
        self.output = self._work.stage("generated")

    def __enter__(self) -> Stage:
        self._server = servers({"one": ["--delay", "0.05", "--corpus", str(self._known)]})
        self.url = self._server.__enter__()["one"]
        prepare = ["retrieve_pydough.py", "--provider", "corpus", "--work-dir", self._work.root]
        subprocess.run([sys.executable, *map(str, prepare)], cwd=PROJECT_ROOT, check=True, stdout=subprocess.DEVNULL)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.__exit__(None, None, None)

    def start(self, concurrency: int) -> subprocess.Popen[bytes]:
        """Stage 3, in a process group of its own."""
        flags = ["--work-dir", self._work.root, "--questions", self._asked, "--provider", "gemini"]
        flags += ["--base-url", self.url, "--rpm", 1_000_000, "--concurrency", concurrency, "--max-failures", 10**6]
        return subprocess.Popen(
            [sys.executable, "generate_finetuning_data_gemini.py", *map(str, flags)],
            cwd=PROJECT_ROOT,
            env=os.environ | {"GOOGLE_API_KEY": "loopback-needs-no-key"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def answered(self) -> int:
        """First answers given so far."""
        return int(stats(self.url)["distinct_prompts"])

    @staticmethod
    def check(process: subprocess.Popen[bytes]) -> None:
        """Wait for a run that must end well."""
        _out, err = process.communicate()
        if process.returncode:
            raise RuntimeError(f"stage 3 ended with {process.returncode}: {err.decode()[-500:]}")


def write_questions(asked: Path, known: Path, how_many: int) -> None:
    """The corpus' questions over and over, each time worded a little otherwise: to ask, and with programs to answer."""
    corpus = [
        row.question
        for row in read_questions(question_files(None, QUESTIONS_DIR, exclude="basic_questions.csv"))
        if row.question.pydough and row.question.gold_sql
    ]
    columns = ["question_id", "db_name", "question", "definitions", "gold_sql", "pydough"]
    with (
        open(asked, "w", encoding="utf-8", newline="") as to_ask,
        open(known, "w", encoding="utf-8", newline="") as to_answer,
    ):
        writers = csv.DictWriter(to_ask, columns), csv.DictWriter(to_answer, columns)
        for writer in writers:
            writer.writeheader()
        for number in range(how_many):
            question = corpus[number % len(corpus)]
            row = {name: getattr(question, name) for name in columns}
            row |= {"question_id": f"q{number}", "question": f"{question.question} (report {number})"}
            writers[1].writerow(row)
            writers[0].writerow(row | {"pydough": ""})


def load(way: str, url: str, *flags: object) -> subprocess.Popen[bytes]:
    """One way of asking, started."""
    command = [sys.executable, "-m", "benchmarks.gemini_load", way, url, *map(str, flags)]
    return subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE)


def result_of(process: subprocess.Popen[bytes]) -> dict[str, float]:
    """What a way printed; raises RuntimeError when it failed."""
    out, _err = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{process.args} ended with {process.returncode}")
    return json.loads(out.splitlines()[-1])


@contextmanager
def servers(flags: dict[str, list[str]]) -> Iterator[dict[str, str]]:
    """One server a name, with these flags; their addresses."""
    command = [sys.executable, "-m", "tests.loopback.gemini_server", "--no-bodies"]
    running = {
        name: subprocess.Popen([*command, *more], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True)
        for name, more in flags.items()
    }
    try:
        yield {name: _address(process) for name, process in running.items()}
    finally:
        for process in running.values():
            process.terminate()
            process.wait()


def _address(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    return server.stdout.readline().split()[-1]


def stats(url: str) -> dict[str, Any]:
    """What a server has counted."""
    with urllib.request.urlopen(f"{url}/stats") as answer:
        return json.load(answer)


def memory_mb(leader: int) -> float:
    """Memory of a process group, shared pages counted once each time they are mapped privately, in MB."""
    total = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) != leader:
                continue
            lines = (folder / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return total


if __name__ == "__main__":
    sys.exit(run_script(main))
