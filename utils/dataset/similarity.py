"""How much two questions share: sets of word shingles, their Jaccard similarity, and MinHash to find candidates.

Broder, "On the resemblance and containment of documents", 1997; banding as in Leskovec, Rajaraman, Ullman, "Mining of
Massive Datasets", chapter 3.
"""

from __future__ import annotations

import zlib

from datasketch import MinHash, MinHashLSH

from utils.core.questions import normal_question

WORDS = 3  # of a shingle
NEAR = 0.8  # from this similarity on two questions of a training set are near duplicates
SIGNATURE_SIZE = 64
# 21 bands of 3: two sets of similarity 0.7 meet in one with probability 0.9998, of 0.2 with 0.15.
_BANDS = (21, 3)


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


def signature(shingles: frozenset[int]) -> MinHash:
    """The MinHash of a set; the share of equal places in two signatures estimates their Jaccard similarity."""
    minhash = MinHash(num_perm=SIGNATURE_SIZE, hashfunc=int, scheme="affine32")
    minhash.update_batch(shingles)
    return minhash


class NearFinder:
    """Finds the sets that were added and are similar to a given one; memory grows by some 6 kB a set."""

    def __init__(self, threshold: float = NEAR) -> None:
        """`threshold`: the least Jaccard similarity that is found, 0.6 to 1 (below, the bands miss some)."""
        self._threshold = threshold
        self._bands = MinHashLSH(num_perm=SIGNATURE_SIZE, params=_BANDS)
        self._added: list[tuple[str, frozenset[int]]] = []

    def add(self, name: str, shingles: frozenset[int]) -> None:
        """Remember a set under a name; an empty set is similar to none and left out."""
        if shingles:
            self._bands.insert(len(self._added), signature(shingles), check_duplication=False)
            self._added.append((name, shingles))

    def nearest(self, shingles: frozenset[int]) -> tuple[str, float] | None:
        """The name of the most similar set and its exact similarity; of several the first added; None without any."""
        if not shingles:
            return None
        numbers = sorted(self._bands.query(signature(shingles)))
        similar = [(jaccard(shingles, self._added[number][1]), -number) for number in numbers]
        similarity, number = max(similar, default=(0.0, 0))
        return (self._added[-number][0], similarity) if similarity >= self._threshold else None
