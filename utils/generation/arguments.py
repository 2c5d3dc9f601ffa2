"""The flags that say how questions become programs."""

from __future__ import annotations

import argparse

from utils.core.arguments import positive_int, whole_number
from utils.core.console import UserError
from utils.core.settings import Settings
from utils.generation.opening import GenerationSettings
from utils.generation.sampling import SamplingSettings


def add_generation_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags on candidates, repairs, agreement and prompts."""
    add = parser.add_argument_group("generation").add_argument
    add(
        "--ask",
        choices=("missing", "all"),
        default="missing",
        help="ask the model for questions without a proven program, or for all (default %(default)s)",
    )
    add(
        "--candidates",
        type=positive_int,
        default=1,
        help="samples a question, until one is proven (default %(default)s)",
    )
    add("--repairs", type=whole_number, default=2, help="repair turns a question (default %(default)s)")
    add(
        "--agree",
        type=at_least_2,
        default=0,
        metavar="K",
        help="without gold SQL, accept what K samples agree on in at least two different programs, as tier vote "
        "(default: do not ask)",
    )
    add("--target-accepted", type=positive_int, metavar="N", help="stop asking when N rows are accepted")
    add(
        "--paraphrase",
        action="store_true",
        help="with --provider synthetic: Gemini rewrites the questions; kept where a program for the rewrite proves "
        "equal (tier synthetic+paraphrase)",
    )
    add("--temperature", type=temperature, default=0.2, help="of the first sample (default %(default)s)")
    add("--max-output-tokens", type=positive_int, default=8192, help="of an answer, thinking too (default %(default)s)")
    add(
        "--thinking-budget",
        type=thinking,
        metavar="N",
        help="thinking tokens; 0: none, -1: the model decides",
    )
    add("--json", action="store_true", help="ask for code and a one-line rationale by a response schema")
    add("--passages", type=whole_number, default=6, help="manual sections in a prompt (default %(default)s)")
    add("--examples", type=whole_number, default=4, help="solved examples in a prompt (default %(default)s)")
    add("--dry-run", action="store_true", help="print one prompt, the number of calls, tokens and price; send nothing")


def generation_settings(args: argparse.Namespace, pydough_version: str) -> GenerationSettings:
    """What the flags say."""
    return GenerationSettings(
        sampling=SamplingSettings(
            model=args.model,
            temperature=args.temperature,
            max_output_tokens=args.max_output_tokens,
            thinking_budget=args.thinking_budget,
            as_json=args.json,
            together=args.mode == "batch",
        ),
        pydough_version=pydough_version,
        candidates=args.candidates,
        repairs=args.repairs,
        agree=args.agree,
        passages=args.passages,
        examples=args.examples,
    )


def check_paraphrase(args: argparse.Namespace, settings: Settings) -> None:
    """Raise UserError where --paraphrase has nothing to rewrite, or nobody to ask."""
    if not args.paraphrase:
        return
    if args.provider != "synthetic":
        raise UserError("--paraphrase rewrites the questions that --provider synthetic makes; name both, or neither")
    if not (settings.can_call_gemini or args.dry_run):
        raise UserError(
            "--paraphrase: set GOOGLE_API_KEY, or GCP_PROJECT and GCP_PROJECT_LOCATION for Vertex AI, in the "
            "environment or .env; `--provider synthetic` alone needs none of them"
        )


def temperature(text: str) -> float:
    """An argparse type: a number from 0 to 2."""
    if not 0 <= (number := float(text)) <= 2:
        raise argparse.ArgumentTypeError(f"{text}: expected a number from 0 to 2")
    return number


def thinking(text: str) -> int:
    """An argparse type: a whole number from -1."""
    if (number := int(text)) < -1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number from -1")
    return number


def at_least_2(text: str) -> int:
    """An argparse type: a whole number from 2."""
    if (number := int(text)) < 2:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number of at least 2")
    return number
