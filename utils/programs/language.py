"""What the installed PyDough offers."""

from __future__ import annotations

from functools import cache


@cache
def language_operators() -> frozenset[str]:
    """The operators and collection methods of the installed PyDough, symbols such as ADD apart. Loads PyDough."""
    from pydough.pydough_operators import BinaryOperator, builtin_registered_operators
    from pydough.unqualified import UnqualifiedNode

    registered = builtin_registered_operators().items()
    named = {name for name, operator in registered if not isinstance(operator, BinaryOperator) and name != "SLICE"}
    return frozenset(named | {name for name in dir(UnqualifiedNode) if name.isupper() and not name.startswith("_")})
