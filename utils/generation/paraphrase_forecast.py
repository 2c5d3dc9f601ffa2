"""What rewriting questions would ask and cost, without asking: two calls a row, a rewrite and a round trip."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from retriver.backend import Retriever
from utils.core.records import Question
from utils.databases.catalog import find_entry
from utils.databases.entries import schema_text
from utils.gemini.calls import GeminiCall, Reply, call_key
from utils.gemini.ledger import Ledger
from utils.gemini.prices import Prices, dollars
from utils.gemini.tokens import TokenEstimator
from utils.generation.forecast import PROGRAM_TOKENS, Forecast, cost_usd, dry_run_text
from utils.generation.opening import GenerationSettings, PromptWriter
from utils.generation.paraphrase import (
    AskedQuestions,
    RewritePrompts,
    read_rewrite,
    rewrite_problem,
    round_trip_pool,
    round_trip_settings,
)
from utils.generation.plan import MadeRows, StagePlan
from utils.generation.prompting import Prompts
from utils.generation.similar import ExamplePool

PROMPTS_TO_ESTIMATE = 50  # stand for all: making prompts takes time
_QUESTION_TOKENS = 40  # of a rewrite, thinking not counted


@dataclass
class ParaphraseForecast:
    """What would be asked: `rewrites`, then a `round_trip` for each that is or may be usable."""

    estimator: TokenEstimator = field(default_factory=TokenEstimator)
    rewrites: Forecast = field(default_factory=Forecast)
    round_trips: Forecast = field(default_factory=Forecast)


def paraphrase_forecast(
    plan: StagePlan,
    pool: ExamplePool,
    questions: Sequence[Question],
    of: int,
    asked: AskedQuestions,
    retriever: Retriever,
    ledger_path: Path,
    endpoint: str,
) -> ParaphraseForecast:
    """Go through `questions`, which stand for all `of` them, and for rewrites that the ledger does not have."""
    found = ParaphraseForecast()
    sampling = plan.generation.sampling
    prompts = RewritePrompts()
    writer = PromptWriter(Prompts(), retriever, pool, schema_text, round_trip_settings(plan.generation))
    with ExitStack() as stack:
        ledger = stack.enter_context(closing(Ledger(ledger_path))) if ledger_path.exists() else None
        found.estimator.learn_all(ledger.recent(sampling.model, endpoint) if ledger else ())

        def counted(calls: Forecast, call: GeminiCall) -> Reply | None:
            reply = ledger.get(call_key(call, 0, endpoint)) if ledger else None
            calls.first = calls.first or call
            calls.questions += 1
            calls.in_ledger += reply is not None
            calls.prompt_tokens += 0 if reply else found.estimator.estimate(call)
            return reply

        for question in questions:
            reply = counted(found.rewrites, prompts.first_call(question, sampling))
            rewrite = read_rewrite(reply.text) if reply else question.question
            if reply and (reply.status != "ok" or rewrite_problem(rewrite, question.question) or asked.claim(rewrite)):
                continue
            entry = find_entry(plan.entries, question.db_name)
            counted(found.round_trips, writer.first_call(question.model_copy(update={"question": rewrite}), entry))
    _stretch(found, of / max(1, len(questions)))
    return found


def of_made_rows(
    plan: StagePlan, made: MadeRows, retriever: Retriever, ledger_path: Path, endpoint: str
) -> ParaphraseForecast:
    """The same before any row is proven: the first that are drawn stand for all that are wanted."""
    drawn = [row.question for row in islice(made, min(made.target, PROMPTS_TO_ESTIMATE))]
    pool = round_trip_pool(plan, [question.pydough or "" for question in drawn])
    asked = AskedQuestions(question.question for question in (*drawn, *(row.question for row in plan.rows)))
    of = made.target if drawn else 0
    return paraphrase_forecast(plan, pool, drawn, of, asked, retriever, ledger_path, endpoint)


def _stretch(found: ParaphraseForecast, share: float) -> None:
    for calls in (found.rewrites, found.round_trips):
        calls.questions = round(calls.questions * share)
        calls.in_ledger = round(calls.in_ledger * share)
        calls.prompt_tokens = round(calls.prompt_tokens * share)


def in_full(found: ParaphraseForecast, settings: GenerationSettings, prices: Prices, max_cost_usd: float | None) -> str:
    """The first prompt of each kind, and what all of them come to."""
    calls = [call for call in (found.rewrites.first, found.round_trips.first) if call]
    if not calls:
        return "dry run: nothing would be asked: no row can be made of these databases"
    return dry_run_text(calls, _account(found, settings, prices), settings, prices, max_cost_usd)


def in_brief(found: ParaphraseForecast, settings: GenerationSettings, prices: Prices) -> str:
    """The same in a line, to be told before the first call."""
    return "; ".join(_account(found, settings, prices)) if found.rewrites.questions else "no question to rewrite"


def _account(found: ParaphraseForecast, settings: GenerationSettings, prices: Prices) -> list[str]:
    rewrites, round_trips = found.rewrites, found.round_trips
    most = settings.candidates * round_trips.questions
    lines = [
        f"questions to rewrite: {rewrites.questions:,}, of which the ledger answers {rewrites.in_ledger:,}, "
        f"and of {round_trips.questions:,} round trips the first call of {round_trips.in_ledger:,}",
        f"calls: {rewrites.calls + round_trips.calls:,} if every first answer is usable, "
        f"at most {rewrites.calls + most:,} and one a cut or empty answer",
        f"prompt tokens of the first calls: about {rewrites.prompt_tokens + round_trips.prompt_tokens:,}",
    ]
    price = prices.of(settings.sampling.model)
    if price is None:
        return [*lines, f"no price is known for {settings.sampling.model} (see --prices): tokens only"]
    batch = settings.sampling.together
    first = cost_usd(price, rewrites.calls, rewrites.prompt_tokens, batch, _QUESTION_TOKENS)
    all_tokens = round(most * round_trips.prompt_tokens / max(1, round_trips.calls))
    everything = first + cost_usd(price, most, all_tokens, batch)
    first += cost_usd(price, round_trips.calls, round_trips.prompt_tokens, batch)
    basis = f"{price.origin}{', batch' if batch else ''}; answers of {_QUESTION_TOKENS} and {PROGRAM_TOKENS} tokens, "
    basis += "without thinking"
    told = f"about {dollars(first)} for the first calls, about {dollars(everything)} if all are needed"
    return [*lines, f"cost: {told} ({basis})"]
