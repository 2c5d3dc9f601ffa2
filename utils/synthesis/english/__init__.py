"""English questions, composed clause by clause from an intent tree, in the words of a graph and its hints."""

from utils.synthesis.english.question import render_question

__all__ = ["render_question"]
