"""How many characters make a token, by what the service counted in the prompts of a ledger."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path

from sqlalchemy import select

from utils.gemini.calls import GeminiCall
from utils.gemini.ledger_tables import CALLS, PROMPTS, open_database
from utils.gemini.tokens import most_prompt_tokens

FEWEST = 20  # prompts that say something
_NEWEST = 1_000
_DENSE_SHARE = 0.05  # of the prompts have fewer characters a token than what is taken
_MARGIN = 0.95


def characters_per_token(ledger: Path) -> float | None:
    """Characters a token in the densest of the newest prompts, less a margin, in steps of 0.1; None for a few prompts.

    In steps, so that a few more calls do not change what depends on it.
    """
    if not ledger.is_file():
        return None
    counted = (
        select(PROMPTS.c.call, CALLS.c.prompt_tokens)
        .join(PROMPTS, PROMPTS.c.key == CALLS.c.key)
        .where(CALLS.c.prompt_tokens > 0)
        .order_by(CALLS.c.id.desc())
        .limit(_NEWEST)
    )
    engine = open_database(ledger)
    with closing(engine.connect()) as connection:
        rows = connection.execute(counted).all()
    engine.dispose()
    calls = [(GeminiCall.model_validate_json(text), tokens) for text, tokens in rows]
    ratios = sorted(call.characters / tokens for call, tokens in calls if 0 < tokens <= most_prompt_tokens(call))
    if len(ratios) < FEWEST:
        return None
    return max(0.1, math.floor(10 * _MARGIN * ratios[int(_DENSE_SHARE * len(ratios))]) / 10)
