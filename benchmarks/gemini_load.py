"""One way of asking a model many questions at once, measured: `python -m benchmarks.gemini_load WAY URL ...`.

Prints one JSON line. Each way runs in a process of its own, against a server in another.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

from aiolimiter import AsyncLimiter
from google import genai
from google.genai.errors import APIError
from pydantic import SecretStr

from utils.core.settings import Settings
from utils.gemini.calls import GeminiCall
from utils.gemini.client import make_client
from utils.gemini.engine import GeminiEngine, open_engine
from utils.gemini.faults import CallError
from utils.gemini.outcomes import request_config, request_contents

_SETTINGS = Settings(google_api_key=SecretStr("loopback-needs-no-key"))
_MODEL = "gemini-2.5-flash"
_SYSTEM = "You write PyDough. " * 100
_PROMPT = "A schema, sections of a manual and examples. " * 200
Ask = Callable[[int], Awaitable[object]]


def call(number: int) -> GeminiCall:
    """A prompt of the usual size, different for each number."""
    return GeminiCall(
        model=_MODEL,
        system_instruction=_SYSTEM,
        contents=(("user", f"{_PROMPT}\n# Question\nHow many parts have size {number}?"),),
        temperature=0.2,
        max_output_tokens=1024,
    )


async def send(client: genai.Client, number: int) -> object:
    """One request through the bare SDK."""
    asked = call(number)
    return await client.aio.models.generate_content(
        model=asked.model, contents=request_contents(asked), config=request_config(asked)
    )


async def workers(ask: Ask, at_once: int, until: float | None, most: int | None) -> int:
    """Ask with `at_once` workers until a moment or so many times; how many were asked."""
    numbers = count()
    asked = 0

    async def worker() -> None:
        nonlocal asked
        for number in numbers:
            if (until is not None and time.monotonic() >= until) or (most is not None and number >= most):
                return
            try:
                await ask(number)
            except (CallError, APIError):
                continue
            asked += 1

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return asked


async def naive(client: genai.Client, until: float) -> int:
    """Five requests gathered, five seconds apart."""
    asked = 0
    while time.monotonic() < until:
        begun = time.monotonic()
        replies = await asyncio.gather(*(send(client, asked + n) for n in range(5)), return_exceptions=True)
        asked += sum(not isinstance(reply, BaseException) for reply in replies)
        await asyncio.sleep(max(0.0, 5 - (time.monotonic() - begun)))
    return asked


async def measure(args: argparse.Namespace) -> dict[str, float]:
    """Run one way for so long, or so many requests."""
    until = time.monotonic() + args.seconds if args.seconds else None
    started, cpu = time.monotonic(), time.process_time()
    if args.way in ("engine", "fixed"):
        with tempfile.TemporaryDirectory() as folder:
            engine = _engine(args, Path(folder))
            async with engine:
                started, cpu = time.monotonic(), time.process_time()
                asked = await workers(lambda number: engine.ask(call(number)), args.at_once, until, args.requests)
                seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    else:
        client = make_client(_SETTINGS, args.url)
        if args.way == "naive":
            asked = await naive(client, until or 0.0)
        elif args.way == "limiter":
            limiter = AsyncLimiter(args.rpm, 60)

            async def limited(number: int) -> object:
                async with limiter:
                    return await send(client, number)

            asked = await workers(limited, args.at_once, until, args.requests)
        else:
            asked = await workers(lambda number: send(client, number), args.at_once, until, args.requests)
        seconds, cpu = time.monotonic() - started, time.process_time() - cpu
        await client.aio.aclose()
        client.close()
    return {"asked": asked, "seconds": seconds, "cpu_s": cpu}


def _engine(args: argparse.Namespace, folder: Path) -> GeminiEngine:
    return open_engine(
        _SETTINGS,
        ledger_path=folder / "ledger.sqlite",
        model=_MODEL,
        rpm=args.rpm,
        concurrency=args.concurrency or args.at_once,
        base_url=args.url,
        adaptive=args.way == "engine",
    )


def main() -> int:
    """Measure one way and print what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("way", choices=("engine", "fixed", "naive", "limiter", "bare"))
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--requests", type=int)
    parser.add_argument("--rpm", type=float)
    parser.add_argument("--at-once", type=int, default=64, help="workers that ask")
    parser.add_argument("--concurrency", type=int, help="most in flight (default: as many as workers)")
    print(json.dumps(asyncio.run(measure(parser.parse_args()))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
