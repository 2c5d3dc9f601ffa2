"""The flags with which a script chooses and paces a model."""

from __future__ import annotations

import argparse
from pathlib import Path

from utils.core.arguments import not_negative, positive_int, positive_number
from utils.core.paths import WorkDir
from utils.core.settings import Settings
from utils.gemini.calls import DEFAULT_MODEL
from utils.gemini.engine import GeminiEngine, open_engine
from utils.gemini.prices import Prices


def add_gemini_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags on the model, its quotas and its price."""
    add = parser.add_argument_group("Gemini").add_argument
    add("--model", default=DEFAULT_MODEL, help="model to ask (default %(default)s)")
    add("--mode", choices=("online", "batch"), default="online", help="one by one, or in batch jobs at half the price")
    add("--rpm", type=positive_number, default=60, help="requests a minute, evenly spaced (default %(default)s)")
    add("--tpm", type=positive_int, metavar="N", help="input tokens a minute (default: no limit)")
    add("--rpd", type=positive_int, metavar="N", help="requests a day, earlier runs' counted (default: no limit)")
    add("--concurrency", type=positive_int, default=32, help="most requests in flight at once (default %(default)s)")
    add("--max-cost-usd", type=not_negative, metavar="USD", help="spend no more than this in a run (default: no cap)")
    add("--prices", type=Path, metavar="FILE", help="prices of your own, in the form of utils/gemini/prices.toml")
    add("--batch-rows", type=positive_int, default=5000, metavar="N", help="rows a round of jobs (default %(default)s)")
    add("--batch-poll", type=positive_number, default=60, metavar="S", help="seconds between looks at a job")
    add("--base-url", metavar="URL", help="another server that speaks the Gemini API, such as one on loopback")
    add("--vertex", action="store_true", default=None, help="use Vertex AI even when GOOGLE_API_KEY is set")


def rows_at_once(args: argparse.Namespace) -> int:
    """How many rows are worked on together: more than requests, so that some are asked while others are proven."""
    return int(args.batch_rows) if args.mode == "batch" else 2 * int(args.concurrency)


def engine_from(args: argparse.Namespace, settings: Settings, work: WorkDir) -> GeminiEngine:
    """The engine that the flags and settings describe; raises UserError when credentials are missing."""
    return open_engine(
        settings,
        ledger_path=work.ledger,
        model=args.model,
        rpm=args.rpm,
        tpm=args.tpm,
        rpd=args.rpd,
        concurrency=args.concurrency,
        max_cost_usd=args.max_cost_usd,
        prices=Prices(args.prices),
        base_url=args.base_url,
        vertex=args.vertex,
        mode=args.mode,
        poll_s=args.batch_poll,
    )


def chosen_provider(given: str | None, settings: Settings) -> str:
    """The provider named by --provider, else gemini when credentials are set, else corpus."""
    return given or ("gemini" if settings.can_call_gemini else "corpus")


def chosen_writer(given: str | None, settings: Settings) -> str:
    """Who writes about the language: the provider, but beside synthesis, as beside the corpus, the manual itself."""
    provider = chosen_provider(given, settings)
    return "corpus" if provider == "synthetic" else provider
