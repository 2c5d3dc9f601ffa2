"""How many tokens a text is, estimated without asking anybody, and how many may go out a minute."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from utils.gemini.calls import GeminiCall

_FIRST_GUESS = 3.0  # characters a token: code and schemas are denser than prose, and too many reserved is safe
_DENSEST = 1.5  # characters a token in the densest text we know of
_MARGIN = 1.05
_LEARNING = 0.1  # weight of the newest answer
_OVERHEAD = 64  # tokens the service may add to a prompt for its turns and roles


class TokenEstimator:
    """Characters per token, learnt from what the service counted in earlier prompts."""

    def __init__(self) -> None:
        self._characters_a_token = _FIRST_GUESS
        self._learnt = False

    def estimate(self, call: GeminiCall) -> int:
        """The prompt tokens that `call` will probably count, a little on the high side."""
        return self.tokens(call.characters)

    def reserve(self, call: GeminiCall) -> int:
        """The prompt tokens to set aside for `call`: more than estimated while nothing has been learnt."""
        return self.estimate(call) if self._learnt else round(call.characters / _DENSEST) + 1

    def tokens(self, characters: int) -> int:
        """The tokens of a text of so many characters, a little on the high side."""
        return round(_MARGIN * characters / self._characters_a_token) + 1

    def learn(self, call: GeminiCall, prompt_tokens: int) -> None:
        """Take in what the service counted; a count that cannot be (none, or more than bytes) teaches nothing."""
        if call.characters and 0 < prompt_tokens <= most_prompt_tokens(call):
            self._learnt = True
            seen = call.characters / prompt_tokens
            self._characters_a_token += _LEARNING * (seen - self._characters_a_token)

    def learn_all(self, counted: Iterable[tuple[GeminiCall, int]]) -> None:
        """The same for several calls and their prompt tokens, oldest first."""
        for call, prompt_tokens in counted:
            self.learn(call, prompt_tokens)


def most_prompt_tokens(call: GeminiCall) -> int:
    """What a prompt can count at the very most, its schema included: no token is shorter than a byte."""
    schema = json.dumps(call.response_schema) if call.response_schema else ""
    return call.bytes + len(schema) + _OVERHEAD


@dataclass
class Reservation:
    """Tokens set aside for one request; `at` is the moment it went out, in seconds of the caller's clock."""

    at: float
    tokens: int


class TokenWindow:
    """At most `per_minute` tokens in any window of `span_s` seconds, reserved before and settled after a request.

    The window is a little longer than a minute, so that what jitters on the way cannot squeeze too much into one. A
    request larger than the whole allowance goes alone. Times are given by the caller and never go back.
    """

    def __init__(self, per_minute: int, span_s: float = 60.6) -> None:
        self._most = per_minute
        self._span_s = span_s
        self._reserved: deque[Reservation] = deque()
        self._sum = 0

    def wait_s(self, now: float, tokens: int) -> float:
        """Seconds until `tokens` more may go out; 0 when they may now."""
        self._forget(now)
        over = self._sum + tokens - self._most
        if over <= 0 or not self._reserved:
            return 0.0
        for reservation in self._reserved:
            over -= reservation.tokens
            if over <= 0:
                break
        return max(0.0, reservation.at + self._span_s - now)

    def take(self, now: float, tokens: int) -> Reservation:
        """Set `tokens` aside for a request that goes out now."""
        reservation = Reservation(now, tokens)
        self._reserved.append(reservation)
        self._sum += tokens
        return reservation

    def settle(self, reservation: Reservation, tokens: int) -> None:
        """Replace an estimate by what was counted."""
        if self._reserved and reservation.at >= self._reserved[0].at:  # else it has left the window
            self._sum += tokens - reservation.tokens
        reservation.tokens = tokens

    def _forget(self, now: float) -> None:
        while self._reserved and self._reserved[0].at + self._span_s <= now:
            self._sum -= self._reserved.popleft().tokens
