"""The question of an intent."""

from __future__ import annotations

import random

from utils.synthesis.english.conditions import Clauses
from utils.synthesis.english.frames import REGISTERS, said
from utils.synthesis.english.lexicon import Lexicon
from utils.synthesis.english.planning import plan_of
from utils.synthesis.english.voice import Voice
from utils.synthesis.hints import Hints
from utils.synthesis.intent import Intent
from utils.synthesis.model import Model


def render_question(intent: Intent, model: Model, hints: Hints, dice: random.Random) -> str:
    """A question that asks for just what the intent returns, in a register and a wording that `dice` choose.

    Raises NoWordsError where neither the graph nor the hints have words for something.
    """
    voice = Voice(Lexicon(model, hints, dice), dice)
    plan = plan_of(Clauses(intent, model, voice))
    return said(plan, voice, voice.one_of(*REGISTERS))
