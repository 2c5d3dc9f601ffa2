"""Several samples that agree: where there is no gold SQL, each program's own SQL is gold for the others.

Self-consistency (Wang et al. 2022), with results compared instead of texts: two programs agree when each is proven
against the other's SQL, on the original database, on its twin and on every instance made for the two.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from utils.core.records import Verdict
from utils.databases.catalog import DatabaseEntry
from utils.databases.connect import dialect_of
from utils.programs.normal_form import normal_form
from utils.programs.source import ProgramError
from utils.proof.runner import Prover
from utils.proof.settings import ProofSettings
from utils.proof.tasks import ProofTask


@dataclass(frozen=True)
class Chosen:
    """The program that a group of samples stands for, and the verdict that another of them gave it."""

    program: str
    rationale: str
    number: int
    verdict: Verdict


@dataclass(frozen=True)
class _Voter:
    number: int
    program: str
    rationale: str
    normal: str
    sql: str


@dataclass
class _Group:
    """Samples that give the same; `verdict` is None until two different programs have been compared."""

    voters: list[_Voter]
    verdict: Verdict | None = None

    @property
    def forms(self) -> int:
        return len({voter.normal for voter in self.voters})


class Agreement:
    """Compares samples by proof."""

    def __init__(self, prover: Prover, settings: ProofSettings) -> None:
        self._prover = prover
        self._settings = settings

    def begin(self, question_id: str, entry: DatabaseEntry, wanted: int) -> Votes:
        """The votes on one question, of which `wanted` must agree."""
        return Votes(self, question_id, entry, wanted)

    async def sql_of(self, question_id: str, program: str, entry: DatabaseEntry) -> tuple[str, Verdict | None]:
        """A program's SQL, or the verdict on one that does not compile."""
        compiled = await self._prover.compile_one(ProofTask(question_id, program, "", entry, self._settings))
        if compiled.failure:
            return "", Verdict(status=compiled.failure, detail=compiled.detail, hint=compiled.hint)
        return compiled.sql[dialect_of(entry.url)], None

    async def agree(self, question_id: str, entry: DatabaseEntry, one: _Voter, other: _Voter) -> Verdict:
        """The verdict on `other` with `one` as gold, or the other way round where only that fails."""
        verdict = await self._prover.prove_one(ProofTask(question_id, other.program, one.sql, entry, self._settings))
        if verdict.status != "match":
            return verdict
        back = await self._prover.prove_one(ProofTask(question_id, one.program, other.sql, entry, self._settings))
        return verdict if back.status == "match" else back


@dataclass
class Votes:
    """The samples of one question, in groups that agree."""

    agreement: Agreement
    question_id: str
    entry: DatabaseEntry
    wanted: int
    groups: list[_Group] = field(default_factory=list)
    failed: int = 0
    _differs: str = ""

    async def add(self, program: str, rationale: str, number: int) -> Verdict | None:
        """Take in a sample; the verdict on a program that does not compile or run, else None."""
        sql, failure = await self.agreement.sql_of(self.question_id, program, self.entry)
        if failure is not None:
            self.failed += 1
            return failure
        try:
            normal = normal_form(program)
        except ProgramError as error:
            self.failed += 1
            return Verdict(status="code_error", detail=str(error))
        voter = _Voter(number, program, rationale, normal, sql)
        for group in self.groups:
            first = group.voters[0]
            if voter.normal in {other.normal for other in group.voters}:
                group.voters.append(voter)
                return None
            verdict = await self.agreement.agree(self.question_id, self.entry, first, voter)
            if verdict.status == "match":
                group.voters.append(voter)
                group.verdict = group.verdict or verdict.model_copy(update={"ms": 0.0})
                return None
            if verdict.status in ("code_error", "unsafe", "timeout", "infra_error"):
                self.failed += 1
                return verdict
            self._differs = verdict.detail
        self.groups.append(_Group([voter]))
        return None

    @property
    def settled(self) -> bool:
        """Whether enough samples agree."""
        return self._winner() is not None

    def chosen(self) -> Chosen | None:
        """The shortest program of the group that agrees, or None."""
        group = self._winner()
        if group is None or group.verdict is None:
            return None
        shortest = min(group.voters, key=lambda voter: (len(voter.normal), voter.number))
        notes = [*group.verdict.notes, f"{len(group.voters)} samples agree, in {group.forms} different programs"]
        verdict = group.verdict.model_copy(update={"notes": notes})
        return Chosen(shortest.program, shortest.rationale, shortest.number, verdict)

    def told(self) -> str:
        """Why there is no agreement, in one line."""
        total = sum(len(group.voters) for group in self.groups) + self.failed
        if not self.groups:
            return f"none of {total} samples compiles and runs"
        largest = max(self.groups, key=lambda group: len(group.voters))
        told = f"{len(largest.voters)} of {total} samples agree, --agree asks for {self.wanted}"
        if len(largest.voters) >= self.wanted:
            told = f"{len(largest.voters)} samples agree, but all with the same program"
        return f"{told}; {self._differs}" if self._differs else told

    def _winner(self) -> _Group | None:
        for group in self.groups:
            if len(group.voters) >= self.wanted and group.forms >= 2 and group.verdict is not None:
                return group
        return None
