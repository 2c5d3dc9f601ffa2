"""A synthetic row's question in a person's words: rewritten by a model, and kept only where it leads back.

The round trip: a model that sees the rewrite, but neither the row's program nor its gold SQL nor the question as it was
composed, is asked for a program, and this one is proven against the row's gold SQL.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from retriver.documentation import extractive_documentation
from utils.core.console import Exhausted
from utils.core.fingerprint import fingerprint
from utils.core.jsonl import whole_characters
from utils.core.questions import SYNTHETIC, normal_question
from utils.core.records import Example, Question, Tier
from utils.core.summary import FAULTS
from utils.databases.catalog import DatabaseEntry
from utils.gemini.calls import GeminiCall
from utils.gemini.engine import GeminiEngine
from utils.gemini.faults import CallError
from utils.generation.loop import Generator
from utils.generation.opening import GenerationSettings
from utils.generation.plan import StagePlan
from utils.generation.prompting import Templates
from utils.generation.sampling import Sampler, SamplingSettings, Turns, first_call
from utils.generation.similar import ExamplePool
from utils.programs.normal_form import normal_form
from utils.proof.settings import ProofSettings
from utils.synthesis.question_lint import MOST_WORDS

PARAPHRASED: Tier = "synthetic+paraphrase"
KEPT, ASKED_BEFORE, NOT_ANSWERED, NOT_ASKED = "kept", "asked before", "not answered", "not asked"
REGISTERS = (
    "as an analyst asks a colleague for it in a mail: polite, in whole sentences",
    "as somebody types it into a chat: short and casual",
    "as a manager requests it: direct, in the words of the business",
    "as a terse search: no word more than needed, but all that is asked",
)
_FOLDER = Path(__file__).parent / "prompts" / "paraphrase"
_QUOTES = (('"', '"'), ("\u201c", "\u201d"))
# Names as programs have them: customer_id, orderDate, orders.total, COUNT(orders), anything in backticks
_CODE = re.compile(r"`[^`]*`?|\w*_\w*|\w*[a-z][A-Z]\w*|\b[^\W\d]{2,}\.[^\W\d]{2,}\b|\b[^\W\d]\w*\(")
_ANOTHER_ANSWER = frozenset({"mismatch", "quirk", "dialect_split"})


class RewritePrompts(Templates):
    """What a model is asked for a rewrite."""

    def __init__(self) -> None:
        super().__init__(_FOLDER)

    def opening(self, question: Question) -> tuple[str, Turns]:
        """The system instruction and the first turn."""
        register = register_of(question.question_id)
        return self._render("system", register=register, most_words=MOST_WORDS), (("user", question.question),)

    def first_call(self, question: Question, settings: SamplingSettings) -> GeminiCall:
        """The first call that `Paraphraser.rewritten` would make."""
        return first_call(replace(settings, as_json=False), self.version, *self.opening(question), 0, 1)


class AskedQuestions:
    """The questions that there are, in whatever letter case and punctuation."""

    def __init__(self, questions: Iterable[str]) -> None:
        self._known = set(map(normal_question, questions))

    def claim(self, rewrite: str) -> str:
        """Take in a question that is new, else say that it is not."""
        normal = normal_question(rewrite)
        if normal in self._known:
            return ASKED_BEFORE
        self._known.add(normal)
        return ""


class Paraphraser:
    """Rewrites questions of proven rows. `outcomes` counts what became of them, `spent` is why some were not asked."""

    def __init__(
        self, engine: GeminiEngine, generator: Generator, settings: SamplingSettings, asked: AskedQuestions
    ) -> None:
        """`generator` makes the round trips; `asked` are the questions that no rewrite may repeat."""
        self._engine = engine
        self._generator = generator
        self._prompts = RewritePrompts()
        self._sampler = Sampler(engine, replace(settings, as_json=False), self._prompts.version)
        self._asked = asked
        self.outcomes: Counter[str] = Counter()
        self.spent: Exhausted | None = None

    async def rewritten(self, example: Example, entry: DatabaseEntry, turn: Turn) -> Example:
        """The row with a person's question where that came back, else as it is.

        Of equal rewrites the first in line is tried, so that it does not depend on which answer comes first. Raises
        UserError or Interrupted when asking on is useless, but not Exhausted: the row then stays as it is.
        """
        with turn:
            rewrite, outcome = await self._rewrite(example)
            with self._engine.idle():
                await turn.come()
            outcome = outcome or self._asked.claim(rewrite)
        if not outcome:
            example, outcome = await self._round_trip(example, rewrite, entry)
        self.outcomes[outcome] += 1
        return example

    def told(self) -> str:
        """What became of the questions, in one line."""
        others = sorted((-count, reason) for reason, count in self.outcomes.items() if reason != KEPT)
        reasons = ", ".join(f"{-count:,} {reason}" for count, reason in others)
        return f"{self.outcomes[KEPT]:,} of {self.outcomes.total():,} kept" + (f"; {reasons}" if reasons else "")

    async def _rewrite(self, question: Question) -> tuple[str, str]:
        """A rewrite, and why it cannot be used ("" where it can)."""
        try:
            reply = await self._sampler.reply(*self._prompts.opening(question))
        except CallError:
            return "", NOT_ANSWERED
        except Exhausted as reason:
            return "", self._not_asked(reason)
        if reply.status != "ok":
            return "", NOT_ANSWERED
        rewrite = read_rewrite(reply.text)
        return rewrite, rewrite_problem(rewrite, question.question)

    async def _round_trip(self, example: Example, rewrite: str, entry: DatabaseEntry) -> tuple[Example, str]:
        asked = Question(
            question_id=example.question_id, db_name=example.db_name, question=rewrite, gold_sql=example.gold_sql
        )
        try:
            found = await self._generator.generate(asked, entry)
        except Exhausted as reason:
            return example, self._not_asked(reason)
        return (paraphrased(example, found), KEPT) if found.accepted else (example, _why_not(found.status))

    def _not_asked(self, reason: Exhausted) -> str:
        self.spent = self.spent or reason.with_traceback(None)
        return NOT_ASKED


class Turn:
    """A place in a line: a context in which `come` waits until whoever stands before has left theirs."""

    def __init__(self, before: Turn | None = None) -> None:
        self._left = asyncio.Event()
        self._before: asyncio.Event | None = before._left if before else None

    def __enter__(self) -> None:
        return

    def __exit__(self, *exception: object) -> None:
        self._left.set()

    async def come(self) -> None:
        """Wait for one's turn."""
        if self._before is not None:
            await self._before.wait()


def round_trip_settings(settings: GenerationSettings) -> GenerationSettings:
    """How a round trip is asked for: without repairs, which would tell what gold gives."""
    return replace(settings, repairs=0, agree=0)


def round_trip_pool(plan: StagePlan, programs: Iterable[str]) -> ExamplePool:
    """The proven rows that a round trip's prompt may show: none with one of the rows' own `programs`."""
    own = set(map(normal_form, programs))
    solved = plan.solved().items()
    return plan.pool({name: example for name, example in solved if normal_form(example.program or "") not in own})


def strict(settings: ProofSettings) -> ProofSettings:
    """The same proof without any difference allowed, and without counterexamples, which nobody is shown."""
    return replace(settings, accept=frozenset(), superset=False, counterexamples=False)


def paraphrased(example: Example, found: Example) -> Example:
    """A row with the question of `found`, whose program for it was proven against the row's gold SQL."""
    assert example.verdict is not None and found.verdict is not None
    databases = found.verdict.instances_passed
    note = f"a program that a model wrote for the rewritten question alone gives the same on {databases} databases"
    return example.model_copy(
        update={
            "question": found.question,
            "composed_question": example.question,
            "documentation": extractive_documentation(found.question, example.passages),
            "tier": PARAPHRASED,
            "origin": f"{SYNTHETIC}+{found.origin}",
            "attempts": found.attempts,
            "verdict": example.verdict.model_copy(update={"notes": [*example.verdict.notes, note]}),
        }
    )


def register_of(question_id: str) -> str:
    """How a question is to sound, the same for an id in every run."""
    return REGISTERS[int(fingerprint("register", question_id)[:8], 16) % len(REGISTERS)]


def read_rewrite(answer: str) -> str:
    """The question in a model's answer, without blanks or quotes around it."""
    text = whole_characters(answer).strip()
    for first, last in _QUOTES:
        inner = text.removeprefix(first).removesuffix(last)
        if len(inner) == len(text) - 2 and first not in inner and last not in inner:
            return inner.strip()
    return text


def rewrite_problem(rewrite: str, composed: str) -> str:
    """Why a rewrite is no question to ask, whatever it asks for; "" when it may be one."""
    if not normal_question(rewrite):
        return "empty"
    if len(rewrite.splitlines()) > 1:
        return "of several lines"
    if len(rewrite.split()) > MOST_WORDS:
        return f"over {MOST_WORDS} words"
    if set(_CODE.findall(rewrite)) - set(_CODE.findall(composed)):
        return "with names as in code"
    return "unchanged" if normal_question(rewrite) == normal_question(composed) else ""


def _why_not(status: str) -> str:
    """What the status of a round trip's row says of the rewrite."""
    if status in _ANOTHER_ANSWER:
        return "another answer"
    return NOT_ANSWERED if status in FAULTS else "no program"
