"""The models an R2R server asks for, on this machine and without a key: embeddings, and answers quoted from passages.

python -m retriver.local_models --port 7273

Speaks the part of OpenAI's API that R2R uses, on 127.0.0.1 only. Runs in R2R's own environment (setup_r2r.sh).
"""

from __future__ import annotations

import argparse
import base64
import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from retriver.encoder import DIMENSION, open_encoder
from utils.core.console import run_script

if TYPE_CHECKING:
    import numpy as np
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    Encode = Callable[[Sequence[str]], np.ndarray[Any, Any]]

EMBEDDING_MODEL = "text-embedding-3-small"  # the name R2R's litellm knows; the vectors are MiniLM's
CHAT_MODEL = "quoted-passages"
PASSAGES_QUOTED = 2
NO_MODEL = "No language model is configured; these are the best passages found, word for word."

_SOURCE = re.compile(r"^Source ID \[([0-9A-Za-z]{7,8})\]:[ \t]*$", re.MULTILINE)
_TITLE = re.compile(r"\ADocument Title: .*\n\nText: ")
_QUESTION = re.compile(r"^#+ Query:\s*(.+?)\s*(?=^#+ |\Z)", re.MULTILINE | re.DOTALL)
_CONTEXT = re.compile(r"^#+ Context:", re.MULTILINE)
_NEXT_PART = re.compile(r"^(?:#+ (?:Query|Rules|Response):|(?:Graph|Web|Web Page) Search Results:)", re.MULTILINE)


class NoModelError(Exception):
    """A prompt that only a language model could answer."""


def quoted_answer(prompt: str, encode: Encode) -> str:
    """The passages in R2R's `prompt` that are nearest to its question, each with R2R's own citation mark.

    Raises NoModelError for a prompt that is not a question over retrieved passages.
    """
    question = _QUESTION.search(prompt)
    passages = _passages(prompt)
    if question is None or not _CONTEXT.search(prompt):
        raise NoModelError("no language model is configured; only questions over retrieved passages are answered")
    if not passages:
        return "No language model is configured, and no passages were found."
    vectors = encode([question[1], *(text for _, text in passages)])
    order = (vectors[1:] @ vectors[0]).argsort()[::-1]
    quotes = [f"{passages[i][1]}\n\n[{passages[i][0]}]" for i in order[:PASSAGES_QUOTED]]
    return "\n\n".join([NO_MODEL, *quotes])


def _passages(prompt: str) -> list[tuple[str, str]]:
    """Citation mark and text of each passage that R2R put into `prompt`."""
    parts = _SOURCE.split(prompt)[1:]
    found = []
    for mark, text in zip(parts[::2], parts[1::2], strict=True):
        following = _NEXT_PART.search(text)
        text = text[: following.start()] if following else text
        found.append((mark, _TITLE.sub("", text.strip())))
    return [(mark, text) for mark, text in found if text]


def create_app(encode: Encode) -> Starlette:
    """The service over `encode`, which gives a row of length 1 for each text."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    def refused(message: str) -> Response:
        return JSONResponse({"error": {"message": message, "type": "invalid_request_error"}}, status_code=400)

    async def body_of(request: Request) -> dict[str, Any] | None:
        try:
            body = await request.json()
        except ValueError:
            return None
        return body if isinstance(body, dict) else None

    async def embeddings(request: Request) -> Response:
        body = await body_of(request)
        texts = body.get("input") if body else None
        texts = [texts] if isinstance(texts, str) else texts
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            return refused("input: expected a text or a list of texts")
        assert body is not None
        if body.get("dimensions", DIMENSION) != DIMENSION:
            return refused(f"dimensions: this model has {DIMENSION}")
        write = {"float": lambda vector: vector.tolist(), "base64": _base64}.get(body.get("encoding_format") or "float")
        if write is None:
            return refused("encoding_format: expected float or base64")
        vectors = await run_in_threadpool(encode, texts)
        data = [
            {"object": "embedding", "index": index, "embedding": write(vector)} for index, vector in enumerate(vectors)
        ]
        usage = _usage(" ".join(texts), "")
        return JSONResponse({"object": "list", "model": body.get("model"), "data": data, "usage": usage})

    async def chat(request: Request) -> Response:
        body = await body_of(request)
        prompt = _last_text(body.get("messages") if body else None)
        if body is None or prompt is None:
            return refused("messages: expected a list that ends with a text")
        if body.get("stream"):
            return refused("stream: answers are given whole")
        try:
            text = await run_in_threadpool(quoted_answer, prompt, encode)
        except NoModelError as error:
            return refused(str(error))
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        return JSONResponse(
            {
                "id": "chatcmpl-local",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": body.get("model"),
                "choices": [choice],
                "usage": _usage(prompt, text),
            }
        )

    async def models(request: Request) -> Response:
        names = (EMBEDDING_MODEL, CHAT_MODEL)
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "local"} for name in names]
        return JSONResponse({"object": "list", "data": data})

    return Starlette(
        routes=[
            Route("/v1/models", models),
            Route("/v1/embeddings", embeddings, methods=["POST"]),
            Route("/v1/chat/completions", chat, methods=["POST"]),
        ]
    )


def _base64(vector: np.ndarray[Any, Any]) -> str:
    """A vector's float32 bytes, little-endian, as OpenAI's client asks for them."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def _last_text(messages: object) -> str | None:
    last = messages[-1] if isinstance(messages, list) and messages else None
    content = last.get("content") if isinstance(last, dict) else None
    return content if isinstance(content, str) else None


def _usage(prompt: str, answer: str) -> dict[str, int]:
    """Words, in place of tokens: nobody pays by them here."""
    asked, said = len(prompt.split()), len(answer.split())
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def main(argv: list[str] | None = None) -> int:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m retriver.local_models", description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    arguments = parser.parse_args(argv)
    import uvicorn

    encode = open_encoder().encode
    encode(["loaded before the first request"])
    uvicorn.run(create_app(encode), host="127.0.0.1", port=arguments.port, log_level="warning")
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
