"""Whole questions: the parts of a plan put into sentences of one of six registers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from utils.synthesis.english.group_frames import grouped, ranked, shared
from utils.synthesis.english.plan import Plan
from utils.synthesis.english.row_frames import listed_rows, of_the_best
from utils.synthesis.english.top_frames import first_few, first_few_within
from utils.synthesis.english.total_frames import in_all, summarised
from utils.synthesis.english.voice import Voice
from utils.synthesis.words import sentence

REGISTERS = ("imperative", "interrogative", "terse", "report", "conversational", "context")

_FRAMES: Mapping[str, Callable[[Plan, Voice, str], list[str]]] = {
    "rows": listed_rows, "best": of_the_best, "first few": first_few, "first few within": first_few_within,
    "groups": grouped, "share": shared, "rank": ranked, "whole": in_all, "summary": summarised,
}  # fmt: skip


def said(plan: Plan, voice: Voice, register: str) -> str:
    """The question of a plan in one register."""
    question = voice.one_of(*_FRAMES[plan.shape](plan, voice, register))
    return " ".join([_sentences(question), *(sentence(f"{remark}.") for remark in plan.remarks)])


def _sentences(text: str) -> str:
    """A text with each of its sentences (they are parted by two blanks) begun with a capital."""
    return " ".join(sentence(part) for part in text.split("  ") if part.strip())
