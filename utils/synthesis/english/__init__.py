"""English questions, composed clause by clause from an intent tree, in the words of a graph and its hints."""

from utils.synthesis.english.lexicon import NoWordsError
from utils.synthesis.english.question import render_question

__all__ = ["NoWordsError", "render_question"]
