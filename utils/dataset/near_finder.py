"""Sets of shingles that are similar to a given one, found among some thousands by MinHash.

Broder, "On the resemblance and containment of documents", 1997; banding as in Leskovec, Rajaraman, Ullman, "Mining of
Massive Datasets", chapter 3.
"""

from __future__ import annotations

from datasketch import MinHash, MinHashLSH

from utils.dataset.similarity import NEAR, jaccard

SIGNATURE_SIZE = 64
# 21 bands of 3: two sets of similarity 0.7 meet in one with probability 0.9998, of 0.2 with 0.15.
_BANDS = (21, 3)


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
