"""Open what stages 1 and 2 need: the retriever, the gate, and with a model whoever writes."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from retriver.arguments import retriever_from
from retriver.backend import Retriever
from retriver.gate import CACHE_NAME, Gate
from retriver.grounding import Grounder
from retriver.writing import GroundedWriter, R2RWriter
from utils.core.paths import WorkDir
from utils.core.settings import Settings
from utils.databases.catalog import DatabaseEntry
from utils.gemini.arguments import engine_from
from utils.gemini.engine import GeminiEngine
from utils.gemini.pacing import Pacer
from utils.programs.compiler import ProgramCompiler


def paced_retriever(args: argparse.Namespace, settings: Settings) -> Retriever:
    """The retriever that the flags choose; requests to a server go through a pacer of the running loop."""
    retriever = retriever_from(args, settings)
    if args.backend == "embedded":
        return retriever
    from retriver.paced import PacedRetriever  # loads the R2R client

    pacer = Pacer(None, args.concurrency, attempts=2)
    return PacedRetriever(retriever, pacer, asyncio.get_running_loop())


@contextmanager
def open_gate(entries: Mapping[str, DatabaseEntry], work: WorkDir) -> Iterator[Gate]:
    """A gate for documentation about the databases `entries`, with a compiler of its own."""
    with ProgramCompiler() as compiler, Gate(compiler, entries, work.cache / CACHE_NAME) as gate:
        yield gate


@asynccontextmanager
async def open_grounder(
    args: argparse.Namespace,
    provider: str,
    settings: Settings,
    entries: Mapping[str, DatabaseEntry],
    pydough_version: str,
    run_name: str,
) -> AsyncIterator[tuple[Grounder, GeminiEngine | None]]:
    """A grounder as the flags say, and the engine it writes with (None without Gemini).

    `entries` are the databases on whose graphs the code of documentation may compile. `run_name` is a content hash
    of what the run is to do: a run that was stopped is taken up by its name.
    """
    retriever = paced_retriever(args, settings)
    async with AsyncExitStack() as stack:
        gate = stack.enter_context(open_gate(entries, WorkDir(args.work_dir)))
        if provider == "corpus":
            yield Grounder(retriever, None, gate, pydough_version), None
        elif provider == "r2r":
            yield Grounder(retriever, R2RWriter(retriever, gate), gate, pydough_version), None  # type: ignore[arg-type]
        else:
            engine = await stack.enter_async_context(engine_from(args, settings, WorkDir(args.work_dir)))
            engine.begin_run(run_name)
            yield Grounder(retriever, GroundedWriter(engine, args.model, gate), gate, pydough_version), engine
            engine.finish_run()
