"""Few-shot examples: proven rows whose questions are most like the one asked, never the question itself."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable

from retriver.terms import question_terms
from utils.core.questions import normal_question
from utils.core.records import Example, Question


class ExamplePool:
    """Proven examples, ranked by TF-IDF cosine of their questions' words; rows of the same database come first.

    An inverted index over the words, so that a question is compared only with examples that share one.
    """

    def __init__(self, examples: Iterable[Example]) -> None:
        self._examples = [example for example in examples if example.accepted and example.program]
        self._questions = [normal_question(example.question) for example in self._examples]
        words = [_words(example) for example in self._examples]
        seen_in = Counter(word for counts in words for word in counts)
        self._weight = {word: math.log((1 + len(words)) / (1 + count)) + 1 for word, count in seen_in.items()}
        self._holders: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for index, counts in enumerate(words):
            for word, share in self._vector(counts).items():
                self._holders[word].append((index, share))

    def __len__(self) -> int:
        return len(self._examples)

    def similar(self, question: Question, limit: int) -> list[Example]:
        """At most `limit` examples, most similar first: two thirds of the same database where there are so many."""
        scores = [0.0] * len(self._examples)
        for word, share in self._vector(_words(question)).items():
            for index, other in self._holders.get(word, ()):
                scores[index] += share * other
        itself = normal_question(question.question)
        ranked = [
            self._examples[index]
            for index in sorted(range(len(scores)), key=lambda index: (-scores[index], index))
            if self._examples[index].question_id != question.question_id and self._questions[index] != itself
        ]
        same = [example for example in ranked if example.db_name == question.db_name]
        others = [example for example in ranked if example.db_name != question.db_name]
        others = others[: max(limit - len(same), limit // 3)]
        return [*same[: limit - len(others)], *others]

    def _vector(self, counts: Counter[str]) -> dict[str, float]:
        vector = {word: count * self._weight.get(word, 0.0) for word, count in counts.items()}
        length = math.sqrt(sum(value * value for value in vector.values())) or 1.0
        return {word: value / length for word, value in vector.items()}


def _words(question: Question) -> Counter[str]:
    return Counter(word.lower() for word in question_terms(question.asked))
