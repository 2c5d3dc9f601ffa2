"""The flags with which a script chooses and paces a model."""

from __future__ import annotations

import argparse

from utils.core.arguments import positive_int, positive_number
from utils.core.paths import WorkDir
from utils.core.settings import Settings
from utils.gemini.engine import GeminiEngine, open_engine

DEFAULT_MODEL = "gemini-2.5-flash"


def add_gemini_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --model, --rpm, --concurrency, --base-url and --vertex."""
    add = parser.add_argument_group("Gemini").add_argument
    add("--model", default=DEFAULT_MODEL, help="model to ask (default %(default)s)")
    add("--rpm", type=positive_number, default=60, help="requests a minute, evenly spaced (default %(default)s)")
    add("--concurrency", type=positive_int, default=8, help="requests in flight at once (default %(default)s)")
    add("--base-url", metavar="URL", help="another server that speaks the Gemini API, such as one on loopback")
    add("--vertex", action="store_true", default=None, help="use Vertex AI even when GOOGLE_API_KEY is set")


def engine_from(args: argparse.Namespace, settings: Settings, work: WorkDir) -> GeminiEngine:
    """The engine that the flags and settings describe; raises UserError when credentials are missing."""
    return open_engine(
        settings,
        ledger_path=work.cache / "ledger.sqlite",
        rpm=args.rpm,
        concurrency=args.concurrency,
        base_url=args.base_url,
        vertex=args.vertex,
    )


def chosen_provider(given: str | None, settings: Settings) -> str:
    """The provider named by --provider, else gemini when credentials are set, else corpus."""
    return given or ("gemini" if settings.can_call_gemini else "corpus")
