"""What is asked of a model and what came back, the same in memory and in the ledger."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from utils.core.fingerprint import fingerprint

DEFAULT_MODEL = "gemini-2.5-flash"
MOST_OUTPUT_TOKENS = 65_536  # what the service allows where a call names no limit
Role = Literal["user", "model"]
ReplyStatus = Literal[
    "ok",
    "blocked",  # the prompt was refused
    "safety",  # the answer was withheld by a content filter
    "recitation",  # the answer was withheld as too close to a source
    "max_tokens",  # cut at max_output_tokens, perhaps before any text
    "empty",  # finished, with no text
    "other",  # ended for a reason not named here; see `finish_reason`
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GeminiCall(_Frozen):
    """One request: model, parameters and the whole prompt.

    Example: `GeminiCall(model="gemini-2.5-flash", contents=[("user", "How many clerks?")])`.
    A parameter left None is not sent, so the service's default holds.
    """

    model: str
    contents: tuple[tuple[Role, str], ...]
    system_instruction: str = ""
    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = None
    thinking_budget: int | None = None  # tokens; 0 is off, -1 leaves it to the model
    seed: int | None = None
    response_schema: dict[str, Any] | None = None  # JSON schema that the answer must follow
    prompt_version: str = ""  # content hash of the templates the prompt was made from

    @cached_property
    def characters(self) -> int:
        """Length of the whole prompt."""
        return len(self.system_instruction) + sum(len(text) for _role, text in self.contents)

    @cached_property
    def bytes(self) -> int:
        """Length of the whole prompt in UTF-8."""
        return len(self.system_instruction.encode()) + sum(len(text.encode()) for _role, text in self.contents)


class Usage(_Frozen):
    """Token counts as the service reports them; `output` is without `thoughts`, `prompt` includes `cached`."""

    prompt: int = 0
    output: int = 0
    thoughts: int = 0
    cached: int = 0
    total: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in Usage.model_fields})


class Reply(_Frozen):
    """A model's answer, or why there is none. `text` may hold a cut answer when status is "max_tokens"."""

    status: ReplyStatus
    text: str = ""
    usage: Usage = Usage()
    model: str  # the version that answered, where the service says
    finish_reason: str = ""  # as the service spells it, block reasons included
    from_ledger: bool = False
    ms: float = 0.0


def call_key(call: GeminiCall, attempt: int, endpoint: str) -> str:
    """The content hash under which an answer to `call` is kept.

    `attempt` tells apart several samples of one prompt. `endpoint` keeps a test server's answers from
    passing for the real service's. Parameters left None do not count, so that a parameter added later
    does not make every paid answer stale.
    """
    return fingerprint(call.model_dump(mode="json", exclude_none=True), attempt, endpoint)
