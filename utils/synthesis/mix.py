"""How often each family of questions is drawn: so that operators come as often as in a team's own programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from utils.programs.source import ProgramError
from utils.programs.terms import operators

_ROUNDS = 200
_FITTED = 0.5  # the rest of a weight is the family's own, so that none is given up

Profile = Mapping[str, float]  # share of programs that use each operator


def operator_profile(programs: Iterable[str]) -> dict[str, float]:
    """The share of programs that use each operator; programs that do not parse are passed over."""
    counts: Counter[str] = Counter()
    number = 0
    for program in programs:
        try:
            counts.update(operators(program))
        except ProgramError:
            continue
        number += 1
    return {name: count / number for name, count in counts.items()}


def overlap(one: Profile, other: Profile) -> float:
    """How much two distributions of operators have in common: 1 where they are the same, 0 where they share none."""
    first, second = _distribution(one), _distribution(other)
    return sum(min(share, second.get(name, 0.0)) for name, share in first.items())


def fitted_weights(weights: Mapping[str, float], profiles: Mapping[str, Profile], wanted: Profile) -> dict[str, float]:
    """Weights of families, 1 in sum: half their own, and half those with which operators come as `wanted`.

    The latter are the proportions of a mixture of known distributions that make the wanted one most likely, found by
    expectation maximisation (Dempster, Laird and Rubin 1977); no family gains more than half its own. Families without
    a profile, and all where nothing is wanted, keep their own.
    """
    own = _distribution(weights)
    known = {name: _distribution(profile) for name, profile in profiles.items() if profile and own.get(name)}
    target = _distribution(
        {name: share for name, share in wanted.items() if any(name in one for one in known.values())}
    )
    if not target:
        return own
    shares = dict.fromkeys(known, 1 / len(known))
    for _ in range(_ROUNDS):
        gained = dict.fromkeys(known, 0.0)
        for operator, share in target.items():
            parts = {name: shares[name] * one.get(operator, 0.0) for name, one in known.items()}
            total = sum(parts.values())
            for name, part in parts.items():
                gained[name] += share * part / total if total else 0.0
        shares = _distribution(gained)
    return _distribution(
        {name: (1 - _FITTED) * share + _FITTED * min(shares.get(name, 0.0), 2 * share) for name, share in own.items()}
    )


def _distribution(shares: Mapping[str, float]) -> dict[str, float]:
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()} if total else {}
