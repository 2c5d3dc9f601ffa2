"""How much two questions share: sets of word shingles, and their Jaccard similarity (Broder, 1997)."""

from __future__ import annotations

import zlib

from utils.core.questions import normal_question

WORDS = 3  # of a shingle
NEAR = 0.8  # from this similarity on two questions of a training set are near duplicates


def shingles(text: str) -> frozenset[int]:
    """Hashes (32 bits, the same on every run) of a text's runs of three words, without case and punctuation.

    A text of one or two words is one shingle, a text without words has none.
    """
    words = normal_question(text).split()
    runs = range(max(1, len(words) - WORDS + 1)) if words else ()
    return frozenset(zlib.crc32(" ".join(words[start : start + WORDS]).encode()) for start in runs)


def jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    """The size of the intersection over that of the union, 0 to 1; two empty sets share nothing."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0
