"""What the calls in a ledger have cost so far."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from sqlalchemy import func, select

from utils.gemini.ledger_tables import CALLS, open_database


def spent_by_model(ledger: Path) -> dict[str, dict[str, float | int | None]]:
    """For each model its `calls` and `usd` (None where a call's price is not known); empty without a ledger."""
    if not ledger.is_file():
        return {}
    unknown = func.sum(CALLS.c.cost_usd.is_(None) & CALLS.c.response.is_not(None))
    sums = select(CALLS.c.model, func.count(), func.sum(CALLS.c.cost_usd), unknown).group_by(CALLS.c.model)
    engine = open_database(ledger)
    with closing(engine.connect()) as connection:
        found = connection.execute(sums.order_by(CALLS.c.model)).all()
    engine.dispose()
    return {model: {"calls": calls, "usd": None if hidden else usd or 0.0} for model, calls, usd, hidden in found}
