"""Where things stand: tracked inputs in the project, built outputs in one work folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]
QUESTIONS_DIR = PROJECT_ROOT / "training_data" / "questions"
GRAPHS_DIR = PROJECT_ROOT / "graphs"
HINTS_SUFFIX = ".hints.json"  # of the file beside a graph, which is no graph
KNOWLEDGE_DIR = PROJECT_ROOT / "retriver" / "knowledge"
DEFAULT_WORK_DIR = PROJECT_ROOT / "training_data"


def hints_path(graph_path: Path) -> Path:
    """Where the hints of a graph file stand, which are no graph: `broker.json` has `broker.hints.json`."""
    return graph_path.with_suffix(HINTS_SUFFIX)


@dataclass(frozen=True)
class WorkDir:
    """The folder of everything built: `databases/`, `stages/`, `sft/`, `cache/`.

    Example: `WorkDir(Path("training_data")).stage("generated")` is
    `training_data/stages/generated.jsonl`.
    """

    root: Path = DEFAULT_WORK_DIR

    @property
    def databases(self) -> Path:
        """Embedded databases."""
        return self.root / "databases"

    @property
    def cache(self) -> Path:
        """What can be deleted and built again: the retrieval index, verdicts and instances."""
        return self.root / "cache"

    @property
    def ledger(self) -> Path:
        """Every call to a model; it cannot be built again without paying again."""
        return self.root / "ledger.sqlite"

    @property
    def sft(self) -> Path:
        """Released sets, one folder a version, and `latest`."""
        return self.root / "sft"

    def stage(self, name: str) -> Path:
        """The JSONL file of one stage."""
        return self.root / "stages" / f"{name}.jsonl"
