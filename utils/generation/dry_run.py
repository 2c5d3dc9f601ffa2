"""What stage 3 would ask and cost, for --dry-run."""

from __future__ import annotations

import argparse

from retriver.backend import Retriever
from utils.core.paths import WorkDir
from utils.gemini.client import endpoint_name
from utils.gemini.prices import Prices
from utils.generation.forecast import forecast, in_full
from utils.generation.plan import StagePlan


def dry_run(args: argparse.Namespace, plan: StagePlan, retriever: Retriever) -> str:
    """The first prompt of each kind, and calls, tokens and price of all; nothing is sent."""
    ledger, endpoint, prices = WorkDir(args.work_dir).ledger, endpoint_name(args.base_url), Prices(args.prices)
    if plan.made is None:
        found = forecast(plan, retriever, ledger, endpoint)
        return in_full(found, plan.generation, prices, args.max_cost_usd)
    if not plan.paraphrase:
        return "dry run: nothing would be asked: rows of synthesis need no model but for --paraphrase"
    from utils.generation import paraphrase_forecast as paraphrases  # loads what other runs need not

    expected = paraphrases.of_made_rows(plan, plan.made, retriever, ledger, endpoint)
    return paraphrases.in_full(expected, plan.generation, prices, args.max_cost_usd)
