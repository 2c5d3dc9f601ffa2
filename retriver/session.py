"""Open what stages 1 and 2 need: the retriever, and with a model the engine that writes."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from retriver.backend import Retriever, open_retriever
from retriver.grounding import Grounder
from retriver.writing import GroundedWriter
from utils.core.paths import WorkDir
from utils.core.settings import Settings
from utils.gemini.arguments import engine_from
from utils.gemini.engine import GeminiEngine
from utils.gemini.pacing import Pacer


def paced_retriever(args: argparse.Namespace, settings: Settings) -> Retriever:
    """The retriever that the flags choose; requests to a server go through a pacer of the running loop."""
    retriever = open_retriever(args.backend, args.docs, WorkDir(args.work_dir).cache, settings, args.search)
    if args.backend == "embedded":
        return retriever
    from retriver.paced import PacedRetriever  # loads the R2R client

    pacer = Pacer(None, args.concurrency, attempts=2)
    return PacedRetriever(retriever, pacer, asyncio.get_running_loop())


@asynccontextmanager
async def open_grounder(
    args: argparse.Namespace, provider: str, settings: Settings, pydough_version: str, run_name: str
) -> AsyncIterator[tuple[Grounder, GeminiEngine | None]]:
    """A grounder as the flags say, and the engine it writes with (None without a model).

    `run_name` is a content hash of what the run is to do: a run that was stopped is taken up by its name.
    """
    retriever = paced_retriever(args, settings)
    if provider != "gemini":
        yield Grounder(retriever, None, pydough_version), None
        return
    async with engine_from(args, settings, WorkDir(args.work_dir)) as engine:
        engine.begin_run(run_name)
        yield Grounder(retriever, GroundedWriter(engine, args.model), pydough_version), engine
        engine.finish_run()
