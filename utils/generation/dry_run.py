"""What a run would ask and cost, without asking: the first prompt in full, calls, tokens, price."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from retriver.backend import Retriever
from utils.core.console import UserError
from utils.databases.catalog import find_entry
from utils.databases.entries import schema_text
from utils.gemini.calls import GeminiCall, Usage, call_key
from utils.gemini.ledger import Ledger
from utils.gemini.prices import ModelPrice, Prices, dollars
from utils.gemini.tokens import TokenEstimator
from utils.generation.examples import unproven
from utils.generation.loop import GenerationSettings, PromptWriter
from utils.generation.prompting import Prompts
from utils.generation.stage import StagePlan

_PROGRAM_TOKENS = 400  # of an answer, where the ledger has none to go by; thinking not counted
_REPAIR_GROWTH = 1.25  # a repair turn's prompt against the first


@dataclass
class Forecast:
    """What would be asked. Tokens are of the first calls that the ledger cannot answer."""

    first: GeminiCall | None = None
    questions: int = 0
    in_ledger: int = 0
    prompt_tokens: int = 0
    most_prompt_tokens: int = 0
    estimator: TokenEstimator = field(default_factory=TokenEstimator)

    @property
    def calls(self) -> int:
        """First calls to make."""
        return self.questions - self.in_ledger


def forecast(plan: StagePlan, retriever: Retriever, ledger_path: Path, endpoint: str) -> Forecast:
    """Go through the questions as stage 3 would, taking stage 2's word for what is proven."""
    found = Forecast()
    solved = plan.solved()
    model = plan.generation.sampling.model
    writer = PromptWriter(Prompts(), retriever, plan.pool(solved), schema_text, plan.generation)
    ledger = Ledger(ledger_path) if ledger_path.exists() else None
    if ledger is not None:
        for call, counted in ledger.recent(model, endpoint):
            found.estimator.learn(call, counted)
    for row in plan.rows:
        try:
            entry = find_entry(plan.entries, row.question.db_name)
        except UserError:
            continue
        question = row.question.model_copy(update={"db_name": entry.name})
        if row.problem or not plan.asks_for(
            solved.get(question.question_id) or unproven(question, "no_program" if question.gold_sql else "no_gold", "")
        ):
            continue
        call = writer.first_call(question, entry)
        found.first = found.first or call
        found.questions += 1
        if ledger is not None and ledger.get(call_key(call, 0, endpoint)):
            found.in_ledger += 1
        else:
            found.prompt_tokens += found.estimator.estimate(call)
    if ledger is not None:
        ledger.close()
    return found


def told(found: Forecast, settings: GenerationSettings, prices: Prices, max_cost_usd: float | None, batch: bool) -> str:
    """The forecast in words."""
    if found.first is None:
        return "dry run: every question has a proven program, so nothing would be asked"
    model = settings.sampling.model
    most_a_question = max(settings.candidates, settings.agree) + settings.repairs
    if settings.agree:
        most_a_question = max(settings.candidates, settings.agree) * (1 + settings.repairs)
    lines = [
        "=== system instruction ===",
        found.first.system_instruction,
        "",
        "=== user turn ===",
        *(text for _role, text in found.first.contents),
        "",
        "=== dry run: nothing was sent ===",
        f"model: {model}, prompt version {found.first.prompt_version}",
        f"questions to ask: {found.questions:,}, of which the ledger answers the first call of {found.in_ledger:,}",
        f"calls: {found.calls:,} if every first answer is proven, at most {most_a_question * found.questions:,} "
        f"with {settings.candidates} candidates and {settings.repairs} repairs",
        f"prompt tokens of the first calls: about {found.prompt_tokens:,}",
    ]
    price = prices.of(model)
    if price is None:
        return "\n".join([*lines, f"no price is known for {model} (see --prices): tokens only"])
    first = _cost(price, found.calls, found.prompt_tokens, batch)
    most = most_a_question * found.questions
    prompts = round(_REPAIR_GROWTH * most * found.prompt_tokens / max(1, found.calls))
    all_calls = _cost(price, most, prompts, batch)
    lines.append(
        f"cost: about {dollars(first)} for the first calls, about {dollars(all_calls)} if all calls are needed"
        f" ({price.origin}{', batch' if batch else ''}; answers of {_PROGRAM_TOKENS} tokens, thinking not counted)"
    )
    if max_cost_usd is not None:
        lines.append(
            f"cap: {dollars(max_cost_usd)}, of which one call may take {dollars(price.most_usd(found.first, batch))}"
        )
    return "\n".join(lines)


def _cost(price: ModelPrice, calls: int, prompt_tokens: int, batch: bool) -> float:
    a_call = Usage(prompt=prompt_tokens // max(1, calls), output=_PROGRAM_TOKENS)
    return calls * price.cost_usd(a_call, batch)
