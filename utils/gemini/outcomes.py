"""What a generateContent response says: an answer, or which of the ways of giving none."""

from __future__ import annotations

from typing import Any

from google.genai import types

from utils.core.console import mask_known_secrets
from utils.core.jsonl import whole_characters
from utils.gemini.calls import GeminiCall, Reply, ReplyStatus, Usage

_STATUS_OF_REASON: dict[str, ReplyStatus] = {
    "MAX_TOKENS": "max_tokens",
    "RECITATION": "recitation",
    "SAFETY": "safety",
    "PROHIBITED_CONTENT": "safety",
    "BLOCKLIST": "safety",
    "SPII": "safety",
    "MODEL_ARMOR": "safety",
}
_MOST_COUNTED = 2**40  # tokens; a larger count is a fault, and would fit nowhere
_FINISHED = ("", "STOP", "FINISH_REASON_UNSPECIFIED")


def request_config(call: GeminiCall) -> types.GenerateContentConfig:
    """The SDK's form of a call's parameters; one call is one request, so nothing goes on by itself."""
    thinking = None if call.thinking_budget is None else types.ThinkingConfig(thinking_budget=call.thinking_budget)
    return types.GenerateContentConfig(
        system_instruction=call.system_instruction or None,
        temperature=call.temperature,
        top_p=call.top_p,
        max_output_tokens=call.max_output_tokens,
        seed=call.seed,
        thinking_config=thinking,
        response_mime_type="application/json" if call.response_schema else None,
        response_schema=call.response_schema,
        automatic_continuation=False,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


def request_contents(call: GeminiCall) -> list[types.Content]:
    """The SDK's form of a call's turns."""
    return [types.Content(role=role, parts=[types.Part(text=text)]) for role, text in call.contents]


def request_json(call: GeminiCall) -> dict[str, Any]:
    """The body that the SDK sends for a call, for files of many requests."""
    config = {
        "temperature": call.temperature,
        "topP": call.top_p,
        "maxOutputTokens": call.max_output_tokens,
        "seed": call.seed,
        "thinkingConfig": None if call.thinking_budget is None else {"thinkingBudget": call.thinking_budget},
        "responseMimeType": "application/json" if call.response_schema else None,
        "responseSchema": call.response_schema,
    }
    body: dict[str, Any] = {
        "contents": [{"role": role, "parts": [{"text": text}]} for role, text in call.contents],
        "generationConfig": {name: value for name, value in config.items() if value is not None},
    }
    if call.system_instruction:
        body["systemInstruction"] = {"role": "user", "parts": [{"text": call.system_instruction}]}
    return body


def read_reply(response: types.GenerateContentResponse, call: GeminiCall, ms: float) -> Reply:
    """Sort a response by block reason first, then finish reason, then whether there is any text.

    The SDK's `.text` is None for a blocked prompt, a filtered answer, thinking that used up the tokens and an
    empty body alike, so the parts are read here. `ms` is how long the request took.
    """
    blocked = response.prompt_feedback.block_reason if response.prompt_feedback else None
    candidate = response.candidates[0] if response.candidates else None
    finish = candidate.finish_reason if candidate else None
    text = _text_of(candidate)
    ended_by = blocked or finish
    reason = mask_known_secrets(whole_characters(str(ended_by.value))) if ended_by else ""
    status: ReplyStatus
    if blocked:
        status = "blocked"
    elif reason not in _FINISHED:
        status = _STATUS_OF_REASON.get(reason, "other")
    else:
        status = "ok" if text.strip() else "empty"
    return Reply(
        status=status,
        text=text,
        usage=_usage_of(response.usage_metadata),
        model=response.model_version or call.model,
        finish_reason=reason,
        ms=ms,
    )


def _text_of(candidate: types.Candidate | None) -> str:
    parts = candidate.content.parts if candidate and candidate.content else None
    text = "".join(part.text for part in parts or [] if part.text and not part.thought)
    return whole_characters(mask_known_secrets(text))  # as the ledger keeps it, so that a resumed run reads the same


def _usage_of(reported: types.GenerateContentResponseUsageMetadata | None) -> Usage:
    if reported is None:
        return Usage()
    return Usage(
        prompt=_count(reported.prompt_token_count),
        output=_count(reported.candidates_token_count),
        thoughts=_count(reported.thoughts_token_count),
        cached=_count(reported.cached_content_token_count),
        total=_count(reported.total_token_count),
    )


def _count(reported: int | None) -> int:
    return min(max(0, reported or 0), _MOST_COUNTED)
