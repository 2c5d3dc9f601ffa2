"""Several samples that agree: where there is no gold SQL, each program's own SQL is gold for the others.

Self-consistency (Wang et al. 2022), with results compared instead of texts: two programs agree when each is proven
against the other's SQL, on the original database, on its twin and on every instance made for the two.
"""

from __future__ import annotations

from dataclasses import dataclass

from utils.core.records import Verdict
from utils.databases.catalog import DatabaseEntry
from utils.databases.connect import dialect_of
from utils.generation.sampling import Sample
from utils.programs.normal_form import normal_form
from utils.programs.source import ProgramError
from utils.proof.runner import Prover
from utils.proof.settings import ProofSettings
from utils.proof.tasks import ProofTask

_AT_FAULT = ("code_error", "unsafe", "timeout", "infra_error")  # says something of one program, not of two


@dataclass(frozen=True)
class Chosen:
    """The sample that a group stands for, its number, and the verdict that another of them gave it."""

    sample: Sample
    number: int
    verdict: Verdict


@dataclass(frozen=True)
class _Voter:
    number: int
    sample: Sample
    normal: str
    sql: str

    @property
    def program(self) -> str:
        return self.sample.program or ""


@dataclass
class _Group:
    """Samples that give the same; `verdict` is None until two different programs have been compared."""

    voters: list[_Voter]
    verdict: Verdict | None = None

    @property
    def forms(self) -> set[str]:
        return {voter.normal for voter in self.voters}


class Votes:
    """The samples of one question without gold SQL, in groups that agree; `wanted` of them must.

    `attempts` counts the programs looked at, `samples` those that had their repairs.
    """

    def __init__(
        self, prover: Prover, settings: ProofSettings, question_id: str, entry: DatabaseEntry, wanted: int
    ) -> None:
        self._prover = prover
        self._settings = settings
        self._question_id = question_id
        self._entry = entry
        self._wanted = wanted
        self._groups: list[_Group] = []
        self._differs = ""
        self.attempts = 0
        self.samples = 0

    async def add(self, sample: Sample) -> Verdict | None:
        """Take in a sample; the verdict on a program that does not compile or run, else None."""
        self.attempts += 1
        if sample.program is None:
            return None
        compiled = await self._prover.compile_one(self._task(sample.program, ""))
        if compiled.failure:
            return Verdict(status=compiled.failure, detail=compiled.detail, hint=compiled.hint)
        try:
            normal = normal_form(sample.program)
        except ProgramError as error:
            return Verdict(status="code_error", detail=str(error))
        return await self._join(_Voter(self.attempts, sample, normal, compiled.sql[dialect_of(self._entry.url)]))

    async def _join(self, voter: _Voter) -> Verdict | None:
        for group in self._groups:
            if voter.normal in group.forms:
                group.voters.append(voter)
                return None
            verdict = await self._compared(group.voters[0], voter)
            if verdict.status == "match":
                group.voters.append(voter)
                group.verdict = group.verdict or verdict
                return None
            if verdict.status in _AT_FAULT:
                return verdict
            self._differs = verdict.detail
        self._groups.append(_Group([voter]))
        return None

    async def _compared(self, one: _Voter, other: _Voter) -> Verdict:
        """The verdict on `other` with `one` as gold, or the other way round where only that fails."""
        verdict = await self._prover.prove_one(self._task(other.program, one.sql))
        if verdict.status != "match":
            return verdict
        back = await self._prover.prove_one(self._task(one.program, other.sql))
        return verdict if back.status == "match" else back

    def _task(self, program: str, gold_sql: str) -> ProofTask:
        return ProofTask(self._question_id, program, gold_sql, self._entry, self._settings)

    def chosen(self) -> Chosen | None:
        """The shortest program of the first group that is large enough, in two forms at least; None before that."""
        for group in self._groups:
            if len(group.voters) < self._wanted or group.verdict is None:
                continue
            shortest = min(group.voters, key=lambda voter: (len(voter.normal), voter.number))
            note = f"{len(group.voters)} samples agree, in {len(group.forms)} different programs"
            verdict = group.verdict.model_copy(update={"notes": [*group.verdict.notes, note]})
            return Chosen(shortest.sample, shortest.number, verdict)
        return None

    def told(self) -> str:
        """Why there is no agreement, in one line."""
        if not self._groups:
            return f"none of {self.samples} samples is a program that compiles and runs"
        largest = max(len(group.voters) for group in self._groups)
        told = f"{largest} of {self.samples} samples agree, --agree asks for {self._wanted}"
        if largest >= self._wanted:
            told = f"{largest} samples agree, but all with the same program"
        return f"{told}; {self._differs}" if self._differs else told
