"""What a run would ask and cost, without asking: the first prompt in full, calls, tokens, price."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from retriver.backend import Retriever
from utils.core.console import UserError
from utils.core.records import Example, Question
from utils.databases.catalog import DatabaseEntry, find_entry
from utils.databases.entries import schema_text
from utils.gemini.calls import GeminiCall, Usage, call_key
from utils.gemini.ledger import Ledger
from utils.gemini.prices import ModelPrice, Prices, dollars
from utils.gemini.tokens import TokenEstimator
from utils.generation.examples import unproven
from utils.generation.opening import GenerationSettings, PromptWriter
from utils.generation.plan import StagePlan
from utils.generation.prompting import Prompts

PROGRAM_TOKENS = 400  # of an answer, thinking not counted
_REPAIR_GROWTH = 1.25  # a repair turn's prompt against the first


@dataclass
class Forecast:
    """What would be asked. Tokens are of the first calls that the ledger cannot answer."""

    first: GeminiCall | None = None
    questions: int = 0
    in_ledger: int = 0
    prompt_tokens: int = 0
    estimator: TokenEstimator = field(default_factory=TokenEstimator)

    @property
    def calls(self) -> int:
        """First calls to make."""
        return self.questions - self.in_ledger


def forecast(
    plan: StagePlan, retriever: Retriever, ledger_path: Path, endpoint: str, most_prompts: int | None = None
) -> Forecast:
    """Go through the questions as stage 3 would, taking stage 2's word for what is proven.

    With `most_prompts` only the first so many prompts are made, and stand for the others.
    """
    found = Forecast()
    solved = plan.solved()
    model = plan.generation.sampling.model
    writer = PromptWriter(Prompts(), retriever, plan.pool(solved), schema_text, plan.generation)
    with ExitStack() as stack:
        ledger = stack.enter_context(closing(Ledger(ledger_path))) if ledger_path.exists() else None
        found.estimator.learn_all(ledger.recent(model, endpoint) if ledger else ())
        made = 0
        for question, entry in _to_ask(plan, solved):
            found.questions += 1
            if most_prompts is not None and made >= most_prompts:
                continue
            made += 1
            call = writer.first_call(question, entry)
            found.first = found.first or call
            if ledger is not None and ledger.get(call_key(call, 0, endpoint)):
                found.in_ledger += 1
            else:
                found.prompt_tokens += found.estimator.estimate(call)
    share = found.questions / max(1, made)
    found.in_ledger, found.prompt_tokens = round(found.in_ledger * share), round(found.prompt_tokens * share)
    return found


def _to_ask(plan: StagePlan, solved: dict[str, Example]) -> Iterator[tuple[Question, DatabaseEntry]]:
    """The questions that the model would be asked, as far as stage 2 can tell."""
    unsolved = plan.unsolved()
    for row in plan.rows:
        try:
            entry = find_entry(plan.entries, row.question.db_name)
        except UserError:
            continue
        question = row.question.model_copy(update={"db_name": entry.name})
        status = unsolved.get(question.question_id, "no_program" if question.gold_sql else "no_gold")
        if not row.problem and plan.asks_for(solved.get(question.question_id) or unproven(question, status, "")):
            yield question, entry


def in_full(found: Forecast, settings: GenerationSettings, prices: Prices, max_cost_usd: float | None) -> str:
    """The first prompt, and what all of them come to."""
    if found.first is None:
        return "dry run: nothing would be asked: no question is left that has gold SQL (or --agree) and no program"
    return dry_run_text([found.first], _account(found, settings, prices), settings, prices, max_cost_usd)


def dry_run_text(
    calls: Sequence[GeminiCall],
    account: Sequence[str],
    settings: GenerationSettings,
    prices: Prices,
    max_cost_usd: float | None,
) -> str:
    """The prompts of `calls`, then what all come to; the last call is the dearest."""
    lines: list[str] = []
    for call in calls:
        lines += ["=== system instruction ===", call.system_instruction, ""]
        lines += ["=== user turn ===", *(text for _role, text in call.contents), ""]
    lines += [
        "=== dry run: nothing was sent ===",
        f"model: {settings.sampling.model}, prompt version {calls[-1].prompt_version}",
        *account,
    ]
    price = prices.of(settings.sampling.model)
    if max_cost_usd is not None and price is not None:
        most = dollars(price.most_usd(calls[-1], settings.sampling.together))
        lines.append(f"cap: {dollars(max_cost_usd)}, of which one call may take {most}")
    return "\n".join(lines)


def in_brief(found: Forecast, settings: GenerationSettings, prices: Prices) -> str:
    """The same in a line, to be told before the first call."""
    return "; ".join(_account(found, settings, prices)) if found.questions else "nothing to ask"


def _account(found: Forecast, settings: GenerationSettings, prices: Prices) -> list[str]:
    a_question = settings.candidates + settings.repairs
    if settings.agree:
        a_question = settings.samples * (1 + settings.repairs)
    most = a_question * found.questions
    lines = [
        f"questions to ask: {found.questions:,}, of which the ledger answers the first call of {found.in_ledger:,}",
        f"calls: {found.calls:,} if every first answer is proven, at most {most:,} and one a cut or empty answer",
        f"prompt tokens of the first calls: about {found.prompt_tokens:,}",
    ]
    price = prices.of(settings.sampling.model)
    if price is None:
        return [*lines, f"no price is known for {settings.sampling.model} (see --prices): tokens only"]
    batch = settings.sampling.together
    first = cost_usd(price, found.calls, found.prompt_tokens, batch)
    all_tokens = round(_REPAIR_GROWTH * most * found.prompt_tokens / max(1, found.calls))
    basis = f"{price.origin}{', batch' if batch else ''}; answers of {PROGRAM_TOKENS} tokens, without thinking"
    everything = dollars(cost_usd(price, most, all_tokens, batch))
    return [*lines, f"cost: about {dollars(first)} for the first calls, about {everything} if all are needed ({basis})"]


def cost_usd(
    price: ModelPrice, calls: int, prompt_tokens: int, batch: bool, answer_tokens: int = PROGRAM_TOKENS
) -> float:
    """The price of `calls` whose prompts have so many tokens together, and whose answers so many each."""
    a_call = Usage(prompt=prompt_tokens // max(1, calls), output=answer_tokens)
    return calls * price.cost_usd(a_call, batch)
