"""Few-shot examples: proven rows whose questions are most like the one asked, never the question itself."""

from __future__ import annotations

import math
from collections import Counter

from retriver.terms import question_terms
from utils.core.records import Example, Question


class ExamplePool:
    """Proven examples, ranked by TF-IDF cosine of their questions' words; rows of the same database come first."""

    def __init__(self, examples: list[Example]) -> None:
        self._examples = [example for example in examples if example.accepted and example.program]
        words = [_words(example) for example in self._examples]
        seen_in = Counter(word for counts in words for word in counts)
        self._weight = {word: math.log((1 + len(words)) / (1 + count)) + 1 for word, count in seen_in.items()}
        self._vectors = [self._vector(counts) for counts in words]

    def similar(self, question: Question, limit: int) -> list[Example]:
        """At most `limit` examples, most similar first: two thirds of the same database where there are so many."""
        vector = self._vector(_words(question))
        ranked = sorted(
            (
                (self._cosine(vector, other), -index, example)
                for index, (other, example) in enumerate(zip(self._vectors, self._examples, strict=True))
                if example.question_id != question.question_id and example.question != question.question
            ),
            key=lambda scored: scored[:2],
            reverse=True,
        )
        same = [example for _score, _index, example in ranked if example.db_name == question.db_name]
        others = [example for _score, _index, example in ranked if example.db_name != question.db_name]
        others = others[: max(limit - len(same), limit // 3)]
        return [*same[: limit - len(others)], *others]

    def _vector(self, counts: Counter[str]) -> dict[str, float]:
        vector = {word: count * self._weight.get(word, 0.0) for word, count in counts.items()}
        length = math.sqrt(sum(value * value for value in vector.values())) or 1.0
        return {word: value / length for word, value in vector.items()}

    @staticmethod
    def _cosine(left: dict[str, float], right: dict[str, float]) -> float:
        return sum(value * right.get(word, 0.0) for word, value in left.items())


def _words(question: Question) -> Counter[str]:
    return Counter(word.lower() for word in question_terms(question.asked))
