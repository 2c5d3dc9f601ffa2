"""One sample of a model: a call, a second chance where that can help, and what the answer holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass

from utils.gemini.calls import MOST_OUTPUT_TOKENS, GeminiCall, Reply, Role
from utils.gemini.engine import GeminiEngine
from utils.generation.answers import RESPONSE_SCHEMA, read_answer
from utils.programs.source import NoCodeError, SeveralCodesError

Turns = tuple[tuple[Role, str], ...]
_WARMER = 0.3  # added to the temperature where another sample may come out otherwise
_HOTTEST = 2.0
_SPREAD_TO = 1.0  # the temperature of the last of several candidates


@dataclass(frozen=True)
class SamplingSettings:
    """How a model is asked, the same for all its samples."""

    model: str
    temperature: float = 0.2
    max_output_tokens: int = 8192
    thinking_budget: int | None = None  # tokens; 0 is off, -1 leaves it to the model
    as_json: bool = False
    together: bool = False  # several samples are asked for at once: in a batch, one after another would take days


@dataclass(frozen=True)
class Sample:
    """What one call brought. `problem` is "" when there is a program, else the status that says why there is none."""

    turns: Turns  # the conversation, this answer included
    program: str | None = None
    rationale: str = ""
    problem: str = ""
    detail: str = ""

    @property
    def can_be_repaired(self) -> bool:
        """Whether there is an answer that a further turn could refer to."""
        return self.turns[-1][0] == "model"


class Sampler:
    """Asks a model, for programs or for other texts."""

    def __init__(self, engine: GeminiEngine, settings: SamplingSettings, prompt_version: str) -> None:
        self._engine = engine
        self._settings = settings
        self._prompt_version = prompt_version

    async def samples(self, system: str, turns: Turns, of: int) -> AsyncIterator[tuple[int, Sample]]:
        """(number, sample) `of` so many, each asked for when it is wanted, or all together."""
        if not self._settings.together:
            for number in range(of):
                yield number, await self.sample(system, turns, number, of)
            return

        missing = of

        async def one(number: int) -> Sample:
            nonlocal missing
            try:
                return await self.sample(system, turns, number, of)
            finally:
                missing -= 1
                if missing:  # the last one's place passes to the caller: nobody must seem idle in between
                    places.enter_context(self._engine.idle())

        with ExitStack() as places:
            for _ in range(of - 1):  # the caller has one
                places.enter_context(self._engine.at_work())
            found = await asyncio.gather(*map(one, range(of)), return_exceptions=True)
        for number, sample in enumerate(found):
            if isinstance(sample, BaseException):
                raise sample
            yield number, sample

    async def sample(self, system: str, turns: Turns, number: int = 0, of: int = 1) -> Sample:
        """Ask, and read the answer as a program; errors as `GeminiEngine.ask`."""
        return self._read(await self.reply(system, turns, number, of), turns)

    async def reply(self, system: str, turns: Turns, number: int = 0, of: int = 1) -> Reply:
        """Ask, once more where the answer was cut or withheld by chance; errors as `GeminiEngine.ask`."""
        call = first_call(self._settings, self._prompt_version, system, turns, number, of)
        reply = await self._engine.ask(call, number)
        if (again := another_chance(call, reply)) is not None:
            reply = await self._engine.ask(again, number)
        return reply

    def _read(self, reply: Reply, turns: Turns) -> Sample:
        if reply.status != "ok":
            problem = "no_answer" if reply.status == "other" else reply.status
            return Sample(turns, problem=problem, detail=_why(reply))
        turns = (*turns, ("model", reply.text))
        try:
            answer = read_answer(reply.text, self._settings.as_json)
        except SeveralCodesError as error:
            return Sample(turns, problem="several_codes", detail=str(error))
        except NoCodeError as error:
            return Sample(turns, problem="no_code", detail=str(error))
        return Sample(turns, answer.program, answer.rationale)


def first_call(
    settings: SamplingSettings, prompt_version: str, system: str, turns: Turns, number: int, of: int
) -> GeminiCall:
    """The call for sample `number` (from 0) `of` so many, whose temperatures are spread."""
    return GeminiCall(
        model=settings.model,
        system_instruction=system,
        contents=turns,
        temperature=spread_temperature(settings.temperature, number, of),
        max_output_tokens=settings.max_output_tokens,
        thinking_budget=settings.thinking_budget,
        response_schema=RESPONSE_SCHEMA if settings.as_json else None,
        prompt_version=prompt_version,
    )


def spread_temperature(first: float, number: int, of: int) -> float:
    """Temperatures from `first` evenly up to 1, so that several samples differ; `first` where there is one only."""
    last = max(first, _SPREAD_TO)
    return round(first + (last - first) * number / (of - 1), 3) if of > 1 else first


def another_chance(call: GeminiCall, reply: Reply) -> GeminiCall | None:
    """The call to make after an answer that is none, where another may bring one.

    A cut answer gets twice the room (thinking counts, too); a recitation, an empty answer or one that ended for no
    reason known gets a higher temperature. What a filter refused, it would refuse again.
    """
    if reply.status == "max_tokens":
        room = min(2 * (call.max_output_tokens or MOST_OUTPUT_TOKENS), MOST_OUTPUT_TOKENS)
        if room > (call.max_output_tokens or MOST_OUTPUT_TOKENS):
            return call.model_copy(update={"max_output_tokens": room})
    if reply.status in ("recitation", "empty", "other"):
        return call.model_copy(update={"temperature": min((call.temperature or 0.0) + _WARMER, _HOTTEST)})
    return None


def _why(reply: Reply) -> str:
    thought = f", {reply.usage.thoughts:,} of the tokens went into thinking" if reply.usage.thoughts else ""
    return {
        "blocked": f"the prompt was refused ({reply.finish_reason})",
        "safety": f"the answer was withheld ({reply.finish_reason})",
        "recitation": "the answer was withheld as too close to a source",
        "max_tokens": f"the answer was cut at the limit on output tokens{thought}",
        "empty": "the answer was empty",
    }.get(reply.status, f"the answer ended without a text ({reply.finish_reason})")
