"""What a run has asked, used and spent, and what its next call may cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from utils.core.console import UserError
from utils.gemini.budget import Budget
from utils.gemini.calls import GeminiCall, Reply, Usage
from utils.gemini.prices import ModelPrice, Prices, dollars
from utils.gemini.tokens import TokenEstimator, most_prompt_tokens


@dataclass
class Counts:
    """A run's account. `usage` is what this run's own calls used; what came from the ledger is not in it."""

    calls: int = 0
    from_ledger: int = 0
    requests: int = 0  # attempts, failed ones included; a batch job's items are one each
    usage: Usage = field(default_factory=Usage)
    statuses: Counter[str] = field(default_factory=Counter)  # of this run's own calls
    faults: Counter[str] = field(default_factory=Counter)  # failed attempts by kind

    def __str__(self) -> str:
        parts = [f"{self.calls} calls ({_listed(self.statuses)})" if self.calls else "0 calls"]
        parts.append(f"{self.from_ledger} from the ledger")
        parts.append(f"{self.requests} requests" + (f" (failed: {_listed(self.faults)})" if self.faults else ""))
        used = self.usage
        parts.append(
            f"tokens: {used.prompt} prompt ({used.cached} cached), {used.output} output, {used.thoughts} thoughts"
        )
        return "; ".join(parts)


class Account:
    """Counts, prices and budget of one run. `batch`: calls go out in batch jobs, at their price."""

    def __init__(self, prices: Prices | None = None, max_cost_usd: float | None = None, batch: bool = False) -> None:
        self._prices = prices or Prices()
        self._capped = max_cost_usd is not None
        self._batch = batch
        self._known: dict[str, ModelPrice | None] = {}
        self.budget = Budget(max_cost_usd)
        self.estimator = TokenEstimator()
        self.counts = Counts()

    def price(self, model: str) -> ModelPrice | None:
        """The model's price; None when nobody has named one. Raises UserError where a cap then could not be kept."""
        if model not in self._known:
            self._known[model] = self._prices.of(model)
        if self._capped and self._known[model] is None:
            raise UserError(
                f"no price is known for {model}, so --max-cost-usd cannot be kept; give one with --prices FILE"
            )
        return self._known[model]

    def most_usd(self, call: GeminiCall) -> float:
        """What `call` may cost at most; 0 where the price is not known."""
        price = self.price(call.model)
        return price.most_usd(call, self._batch) if price else 0.0

    def cost_usd(self, call: GeminiCall, reply: Reply) -> float | None:
        """What an answer cost, by what the service counted, else by what it probably was. None without a price."""
        price = self.price(call.model)
        if price is None:
            return None
        usage = reply.usage
        if reply.status != "blocked" and not usage.prompt:  # nothing is counted, and surely something was read
            output = usage.output or (self.estimator.tokens(len(reply.text)) if reply.text else 0)
            usage = usage.model_copy(update={"prompt": self.estimator.estimate(call), "output": output})
        elif reply.text and not usage.output:
            usage = usage.model_copy(update={"output": self.estimator.tokens(len(reply.text))})
        return price.cost_usd(usage, self._batch)

    def prompt_tokens(self, call: GeminiCall, reply: Reply) -> int:
        """The prompt tokens to pace by: what was counted, unless that cannot be."""
        counted = reply.usage.prompt
        return counted if 0 < counted <= most_prompt_tokens(call) else self.estimator.estimate(call)

    def enter(self, call: GeminiCall, reply: Reply) -> None:
        """Count one answered call of this run."""
        self.counts.calls += 1
        self.counts.statuses[reply.status] += 1
        self.counts.usage += reply.usage
        self.estimator.learn(call, reply.usage.prompt)

    def spent(self) -> str:
        """The money in words, for a progress bar and the last line; "" where no price is known."""
        priced = [price for price in self._known.values() if price]
        if not priced:
            return ""
        doubtful = self.budget.doubtful_usd
        return dollars(self.budget.spent_usd) + (f" (and up to {dollars(doubtful)} unanswered)" if doubtful else "")

    def told(self) -> str:
        """The whole account in one line."""
        unpriced = [model for model, price in self._known.items() if price is None]
        parts = [str(self.counts)]
        if spent := self.spent():
            origins = sorted({price.origin for price in self._known.values() if price})
            parts.append(f"cost: {spent} by {', '.join(origins)}")
        if unpriced:
            parts.append(f"no price is known for {', '.join(unpriced)}: tokens only")
        return "; ".join(parts)


def _listed(counter: Counter[str]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in sorted(counter.items()))
